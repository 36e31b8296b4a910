#include "dsp/core/record/audit_record.h"

#include "dsp/core/base/json_writer.h"
#include "dsp/core/parse/query.h"

/* What a line may spend on each text; together with all that is fixed less than the whole. */
enum {
	METHOD_ROOM = 64,
	TARGET_ROOM = 1536,
	PATH_ROOM = 768,
	NAME_ROOM = 256,
	SUBJECT_ROOM = 320,
	RULE_ROOM = 256,
	MESSAGE_ROOM = 1024,
	DETAIL_ROOM = 256,
	TAIL_ROOM = 192, /* for what closes the line: what was left out and cut */
	CUT_MOST = 12,
};

struct draft {
	struct json_writer s;
	const char *cut[CUT_MOST]; /* the members of which the end is missing */
	size_t cuts;
};

static void add_text(struct draft *d, const char *key, struct span text, size_t most)
{
	if (!json_writer_text(&d->s, key, text, most) && d->cuts < CUT_MOST)
		d->cut[d->cuts++] = key;
}

/* --- parts of a line ---------------------------------------------------------------------------*/

static void begin(
	struct draft *d, const struct audit_record_head *head, struct audit_record_line *ret)
{
	*d = (struct draft){ .s = { .out = ret->text, .cap = sizeof(ret->text) - TAIL_ROOM } };
	json_writer_raw(&d->s, SPAN("{"));
	json_writer_number(&d->s, "v", 1);
	json_writer_word(&d->s, "time", head->time);
	json_writer_word(&d->s, "id", head->id);
}

static void begin_stable(struct draft *d, const char *type, struct audit_record_line *ret)
{
	ret->stable = d->s.n;
	json_writer_word(&d->s, "type", type);
}

/* The texts before have their bounds, so that this always has its room. */
static void end(struct draft *d, struct audit_record_line *ret)
{
	d->s.cap = sizeof(ret->text) - 1;
	d->s.full = false;
	if (d->cuts > 0) {
		json_writer_key(&d->s, "cut");
		for (size_t i = 0; i < d->cuts; i++) {
			json_writer_raw(&d->s, i > 0 ? SPAN(",\"") : SPAN("[\""));
			json_writer_raw(&d->s, span_of(d->cut[i]));
			json_writer_raw(&d->s, SPAN("\""));
		}
		json_writer_raw(&d->s, SPAN("]"));
	}
	json_writer_raw(&d->s, SPAN("}\n"));
	ret->n = d->s.n;
	ret->text[ret->n] = '\0';
}

static void add_name(struct json_writer *s, bool first, const char *name)
{
	json_writer_raw(s, first ? SPAN("\"") : SPAN(",\""));
	json_writer_raw(s, span_of(name));
	json_writer_raw(s, SPAN("\""));
}

static void add_powers(struct draft *d, const char *key, const struct powerset *powers)
{
	bool first = true;

	json_writer_key(&d->s, key);
	json_writer_raw(&d->s, SPAN("["));
	for (size_t i = 0; i < POWER_COUNT; i++) {
		if (!powerset_has(powers, (enum power)i))
			continue;
		add_name(&d->s, first, power_info((enum power)i)->name);
		first = false;
	}
	json_writer_raw(&d->s, SPAN("]"));
}

/* --- targets -----------------------------------------------------------------------------------*/

static size_t last_at_sign(struct span value)
{
	for (size_t i = value.n; i > 0; i--) {
		struct span rest = { value.s + i - 1, value.n - i + 1 };

		if (rest.s[0] == '@' || span_starts(rest, SPAN("%40")))
			return i - 1;
	}
	return value.n;
}

static bool starts_mark(struct span text)
{
	return text.s[0] == '?' || span_starts(text, SPAN("%3F")) || span_starts(text, SPAN("%3f"));
}

struct shown {
	char text[TARGET_ROOM + 1]; /* one byte more than a line shows, so that a cut is seen */
	size_t n;
};

static void show(struct shown *out, struct span s)
{
	size_t n = s.n < sizeof(out->text) - out->n ? s.n : sizeof(out->text) - out->n;

	if (n > 0)
		memcpy(out->text + out->n, s.s, n);
	out->n += n;
}

/* An address may have a user's name and password before its host, and a key in its query. */
static void show_address(struct span value, struct shown *out)
{
	size_t at = last_at_sign(value);
	size_t mark = 0;

	if (at > 0 && at < value.n) {
		show(out, SPAN("(hidden)"));
		value = span_after(value, at);
	}
	while (mark < value.n && !starts_mark(span_after(value, mark)))
		mark++;
	show(out, (struct span){ value.s, mark });
	if (mark < value.n)
		show(out, SPAN("?(hidden)"));
}

/* A parameter, but for what nobody is to read. */
static void show_pair(struct span pair, struct shown *out)
{
	size_t sign = span_find(pair, '=');
	struct span key = { pair.s, sign };
	struct span value = span_after(pair, sign < pair.n ? sign + 1 : sign);

	show(out, (struct span){ pair.s, pair.n - value.n });
	/* These set environments: of a build, of an image. */
	if (query_value_in(key, "buildargs,changes"))
		show(out, value.n > 0 ? SPAN("(hidden)") : value);
	else if (query_value_in(key, "remote,fromSrc"))
		show_address(value, out);
	else
		show(out, value);
}

/* A target as it was sent, but for the secrets in its query. */
static void show_target(struct span target, struct shown *out)
{
	size_t mark = span_find(target, '?');
	struct span rest = span_after(target, mark < target.n ? mark + 1 : mark);

	out->n = 0;
	show(out, (struct span){ target.s, target.n - rest.n });
	while (rest.n > 0 && out->n < sizeof(out->text)) {
		/* Go before 1.17 takes a ";" for a "&". */
		struct span pair = { rest.s, span_find(rest, '&') };

		pair.n = span_find(pair, ';');
		show_pair(pair, out);
		rest = span_after(rest, pair.n);
		show(out, (struct span){ rest.s, rest.n > 0 });
		rest = span_after(rest, rest.n > 0);
	}
}

static void add_target(struct draft *d, struct span target)
{
	if (span_find(target, '?') < target.n) {
		struct shown shown;

		show_target(target, &shown);
		add_text(d, "target", (struct span){ shown.text, shown.n }, TARGET_ROOM);
	} else {
		add_text(d, "target", target, TARGET_ROOM);
	}
}

/* --- who, what ---------------------------------------------------------------------------------*/

static const char *known_by(const struct decision_event *e)
{
	bool name = e->request->user.n > 0;
	bool token = e->request->has_token && e->policy->file_rules;

	if (e->subject->doubt == SUBJECT_UNKNOWN_TOKEN)
		return "unknown token";
	if (e->subject->doubt == SUBJECT_TWO)
		return "contradiction";
	if (name)
		return token ? "certificate and token" : "certificate";
	return token ? "token" : "nothing";
}

/* In the words of a policy's "who". */
static void add_subject(struct draft *d, const struct subject *subject)
{
	char name[SUBJECT_ROOM + 1] = "cn:";
	size_t n = subject->name.n < sizeof(name) - 3 ? subject->name.n : sizeof(name) - 3;

	if (!subject->is_unknown_certificate) {
		add_text(d, "subject", subject->name, SUBJECT_ROOM);
		return;
	}
	memcpy(name + 3, subject->name.s, n);
	add_text(d, "subject", (struct span){ name, n + 3 }, SUBJECT_ROOM);
}

static const char *reading_of(const struct facts *f)
{
	switch (f->reading) {
	case READING_UNROUTABLE:
		return "unroutable";
	case READING_UNREADABLE:
		return "unreadable";
	case READING_EXACT:
		break;
	}
	return "exact";
}

static void add_request(struct draft *d, const struct decision_event *e)
{
	const struct facts *f = e->facts;

	add_subject(d, e->subject);
	json_writer_word(&d->s, "known_by", known_by(e));
	add_text(d, "method", e->request->method, METHOD_ROOM);
	add_target(d, e->request->target);
	if (f->reading != READING_UNROUTABLE)
		add_text(d, "path", f->target.path, PATH_ROOM);
	json_writer_word(&d->s, "operation", decision_event_operation(f));
	if (f->name.n > 0)
		add_text(d, "name", f->name, NAME_ROOM);
	json_writer_word(&d->s, "access", f->route && !f->route->write ? "read" : "write");
	json_writer_word(&d->s, "reading", reading_of(f));
	if (f->incomplete)
		json_writer_raw(&d->s, SPAN(",\"hidden\":true"));
	if (f->invisible_mount)
		json_writer_raw(&d->s, SPAN(",\"mounts_unseen\":true"));
	add_powers(d, "powers", &f->powers);
}

/* --- what was decided --------------------------------------------------------------------------*/

static void add_reasons(struct draft *d, const struct decision *said)
{
	if (said->reason[0] != '\0')
		json_writer_word(&d->s, "reason", said->reason);
	if (said->flag < FLAG_COUNT)
		json_writer_word(&d->s, "flag", flag_at(said->flag)->name);
	if (said->by == DECIDED_BY_POWER)
		add_powers(d, "closed", &said->closed);
	if (said->rule)
		add_text(d, "rule", said->rule->name, RULE_ROOM);
	if (said->monitored_rule)
		add_text(d, "monitored_rule", said->monitored_rule->name, RULE_ROOM);
}

static void add_decision(struct draft *d, const struct decision_event *e)
{
	const struct decision *said = e->decision;
	const char *message = decision_event_message(e);
	bool allow = decision_event_allows(e);

	json_writer_word(&d->s, "verdict", allow ? "allow" : "deny");
	if (allow && said->monitored)
		json_writer_word(&d->s, "would", "deny");
	json_writer_word(&d->s, "decided_by", decision_event_decided_by(e));
	if (said)
		add_reasons(d, said);
	if (message)
		add_text(d, "message", span_of(message), MESSAGE_ROOM);
	json_writer_word(&d->s, "mode", e->policy->monitor ? "monitor" : "enforce");
	json_writer_word(&d->s, "profile", profile_info(e->policy->profile)->name);
	json_writer_number(&d->s, "generation", e->generation);
	json_writer_word(&d->s, "policy", e->digest);
	json_writer_number(&d->s, "request_bytes", e->request_bytes);
}

/* --- details -----------------------------------------------------------------------------------*/

static bool may_hold_secrets(enum attribute_kind kind)
{
	return kind == ATTRIBUTE_COMMAND || kind == ATTRIBUTE_ENVIRONMENT ||
		kind == ATTRIBUTE_HEALTHCHECK;
}

static void add_flag(struct json_writer *s, const char *key, bool flag)
{
	json_writer_key(s, key);
	json_writer_raw(s, flag ? SPAN("true") : SPAN("false"));
}

/* A text that is there. False: its end is missing. */
static bool add_part(struct json_writer *s, const char *key, struct span text)
{
	return text.n == 0 || json_writer_text(s, key, text, DETAIL_ROOM);
}

/* What only mounts have, and what was seen of them. False: a text was cut. */
static bool write_mount(struct json_writer *s, const struct attribute *d)
{
	bool whole = add_part(s, "target", d->target);

	add_flag(s, "read_only", d->read_only);
	if (d->mount_info) {
		whole = add_part(s, "resolved", span_of(d->mount_info->path)) && whole;
		add_flag(s, "seen", d->mount_info->visible);
	}
	return whole;
}

/* False: it has no room. */
static bool write_detail(struct json_writer *s, const struct attribute *d)
{
	bool whole;

	json_writer_raw(s, SPAN("{"));
	if (d->power != POWER_COUNT)
		json_writer_word(s, "power", power_info(d->power)->name);
	json_writer_word(s, "kind", attribute_kind_name(d->kind));
	whole = add_part(s, "field", d->field);
	whole = add_part(s, "text", d->text) && whole;
	if (d->kind == ATTRIBUTE_MOUNT)
		whole = write_mount(s, d) && whole;
	if (d->maybe_id)
		add_flag(s, "maybe_id", true);
	if (!whole)
		add_flag(s, "cut", true);
	json_writer_raw(s, SPAN("}"));
	return !s->full;
}

/* As many as the line holds, each whole; the rest is counted. */
static void add_details(struct draft *d, const struct attributes *details)
{
	size_t left_out = 0;
	size_t shown = 0;

	if (details->count == 0)
		return;
	json_writer_key(&d->s, "details");
	json_writer_raw(&d->s, SPAN("["));
	d->s.cap--; /* for the bracket that closes */
	for (size_t i = 0; i < details->count; i++) {
		size_t before = d->s.n;

		if (may_hold_secrets(details->items[i].kind))
			continue;
		if (left_out == 0 && shown > 0)
			json_writer_raw(&d->s, SPAN(","));
		if (left_out > 0 || !write_detail(&d->s, &details->items[i])) {
			d->s.n = before;
			left_out++;
			continue;
		}
		shown++;
	}
	d->s.cap++;
	d->s.full = false;
	json_writer_raw(&d->s, SPAN("]"));
	if (left_out > 0) {
		d->s.cap += 40;
		json_writer_number(&d->s, "details_left_out", left_out);
	}
}

/* --- lines -------------------------------------------------------------------------------------*/

void audit_record_decision(const struct audit_record_head *head, const struct decision_event *e,
	struct audit_record_line *ret)
{
	struct draft d;

	begin(&d, head, ret);
	json_writer_number(&d.s, "duration_us", e->duration_us);
	begin_stable(&d, "decision", ret);
	if (e->request)
		add_request(&d, e);
	add_decision(&d, e);
	if (e->request)
		add_details(&d, &e->facts->attributes);
	end(&d, ret);
}

void audit_record_outcome(const struct audit_record_head *head, const struct request_outcome *o,
	struct audit_record_line *ret)
{
	struct draft d;

	begin(&d, head, ret);
	begin_stable(&d, "outcome", ret);
	if (o->decision)
		json_writer_word(&d.s, "decision", o->decision);
	if (o->user.n > 0)
		add_text(&d, "user", o->user, SUBJECT_ROOM);
	add_text(&d, "method", o->method, METHOD_ROOM);
	add_target(&d, o->target);
	json_writer_word(&d.s, "pair", o->pair);
	if (o->status > 0)
		json_writer_number(&d.s, "status", o->status);
	end(&d, ret);
}

static void finish_count(
	struct draft *d, const struct audit_record_head *head, struct audit_record_line *ret)
{
	json_writer_number(&d->s, "count", head->count);
	json_writer_word(&d->s, "since", head->since);
	end(d, ret);
}

void audit_record_repeats(const struct audit_record_head *head, const char *of, const char *type,
	struct audit_record_line *ret)
{
	struct draft d;

	begin(&d, head, ret);
	begin_stable(&d, "repeat", ret);
	json_writer_word(&d.s, "of", of);
	json_writer_word(&d.s, "of_type", type);
	finish_count(&d, head, ret);
}

void audit_record_dropped(
	const struct audit_record_head *head, uint64_t decisions, struct audit_record_line *ret)
{
	struct draft d;

	begin(&d, head, ret);
	begin_stable(&d, "dropped", ret);
	json_writer_number(&d.s, "decisions", decisions);
	finish_count(&d, head, ret);
}
