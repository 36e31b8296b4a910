#include "dsp/core/record/audit_record.h"

#include "condition_record.h"
#include "dsp/core/base/json_writer.h"
#include "dsp/core/parse/query.h"

/* Bytes for each text. Together with the fixed parts they are less than AUDIT_RECORD_MOST. */
enum {
	METHOD_ROOM = 64,
	HOST_ROOM = 64,
	TARGET_ROOM = 1536,
	PATH_ROOM = 768,
	NAME_ROOM = 256,
	ID_ROOM = 64,
	THING_ROOM = 128, /* for a name that dockerd says, and an owner */
	SUBJECT_ROOM = 320,
	RULE_ROOM = 256,
	LACKS_ROOM = 500,
	MESSAGE_ROOM = 700,
	DETAIL_ROOM = 256,
	TAIL_ROOM = 192, /* for the end of the line: details_left_out, cut */
	CUT_MOST = 12,
};

struct draft {
	struct json_writer s;
	const char *cut[CUT_MOST]; /* keys of the texts that were cut */
	size_t cuts;
};

/* Adds a text of the request, and notes when it was cut. */
static void add_text(struct draft *d, const char *key, struct span text, size_t most)
{
	if (!json_writer_text(&d->s, key, text, most) && d->cuts < CUT_MOST)
		d->cut[d->cuts++] = key;
}

/* --- begin and end of a line -------------------------------------------------------------------*/

/* Writes the head, and the first member of the part that repeats. */
static void begin(struct draft *d, const struct audit_record_head *head, const char *type,
	const struct decision_event *e, struct audit_record_line *ret)
{
	*d = (struct draft){ .s = { .out = ret->text, .cap = sizeof(ret->text) - TAIL_ROOM } };
	json_writer_raw(&d->s, SPAN("{"));
	json_writer_number(&d->s, "v", 1);
	json_writer_word(&d->s, "time", head->time);
	json_writer_word(&d->s, "id", head->id);
	if (head->host && head->host[0])
		(void)json_writer_text(&d->s, "host", span_of(head->host), HOST_ROOM);
	if (e)
		json_writer_number(&d->s, "duration_us", e->duration_us);
	if (e && e->lookup_us > 0)
		json_writer_number(&d->s, "lookup_us", e->lookup_us);
	/* In this part, since lines that are the same but for the process are folded. */
	if (e && e->subject && e->subject->peer.known)
		json_writer_number(&d->s, "pid", e->subject->peer.pid);
	ret->stable = d->s.n;
	json_writer_word(&d->s, "type", type);
}

static void add_names(struct draft *d, const char *key, const char *const *names, size_t count)
{
	json_writer_key(&d->s, key);
	json_writer_raw(&d->s, SPAN("["));
	for (size_t i = 0; i < count; i++) {
		json_writer_raw(&d->s, i > 0 ? SPAN(",\"") : SPAN("\""));
		json_writer_raw(&d->s, span_of(names[i]));
		json_writer_raw(&d->s, SPAN("\""));
	}
	json_writer_raw(&d->s, SPAN("]"));
}

/* This always has room: TAIL_ROOM was kept for it. */
static void end(struct draft *d, struct audit_record_line *ret)
{
	d->s.cap = sizeof(ret->text) - 1;
	d->s.full = false;
	if (d->cuts > 0)
		add_names(d, "cut", d->cut, d->cuts);
	json_writer_raw(&d->s, SPAN("}\n"));
	ret->n = d->s.n;
	ret->text[ret->n] = '\0';
}

static void add_powers(struct draft *d, const char *key, const struct powerset *powers)
{
	const char *names[POWER_COUNT];
	size_t n = 0;

	for (size_t i = powerset_next(powers, 0); i < POWER_COUNT; i = powerset_next(powers, i + 1))
		names[n++] = power_info((enum power)i)->name;
	add_names(d, key, names, n);
}

/* --- targets, without the secrets in their queries ---------------------------------------------*/

struct redacted {
	char text[TARGET_ROOM + 1]; /* one byte more than a line holds, to see that it was cut */
	size_t n;
};

static void copy(struct redacted *out, struct span s)
{
	size_t n = s.n < sizeof(out->text) - out->n ? s.n : sizeof(out->text) - out->n;

	if (n > 0)
		memcpy(out->text + out->n, s.s, n);
	out->n += n;
}

/* Hides a user and a password before the host of a URL, and its query, which may hold a key. */
static void redact_address(struct span value, struct redacted *out)
{
	size_t at = value.n; /* of the last "@" */
	size_t mark = 0;     /* of the first "?" behind it */

	for (size_t i = 0; i < value.n; i++) {
		if (value.s[i] == '@' || span_starts(span_after(value, i), SPAN("%40")))
			at = i;
	}
	if (at > 0 && at < value.n) {
		copy(out, SPAN("(hidden)"));
		value = span_after(value, at);
	}
	while (mark < value.n && value.s[mark] != '?' &&
		!span_starts(span_after(value, mark), SPAN("%3F")) &&
		!span_starts(span_after(value, mark), SPAN("%3f")))
		mark++;
	copy(out, (struct span){ value.s, mark });
	if (mark < value.n)
		copy(out, SPAN("?(hidden)"));
}

static void redact_parameter(struct span pair, struct redacted *out)
{
	size_t sign = span_find(pair, '=');
	struct span key = { pair.s, sign };
	struct span value = span_after(pair, sign < pair.n ? sign + 1 : sign);

	copy(out, (struct span){ pair.s, pair.n - value.n });
	/* These set the environment of a build or an image. */
	if (query_value_in(key, "buildargs,changes"))
		copy(out, value.n > 0 ? SPAN("(hidden)") : value);
	else if (query_value_in(key, "remote,fromSrc"))
		redact_address(value, out);
	else
		copy(out, value);
}

static void add_target(struct draft *d, struct span target)
{
	size_t mark = span_find(target, '?');
	struct span rest = span_after(target, mark < target.n ? mark + 1 : mark);
	struct redacted shown;

	if (rest.n == 0) {
		add_text(d, "target", target, TARGET_ROOM);
		return;
	}
	shown.n = 0;
	copy(&shown, (struct span){ target.s, target.n - rest.n });
	while (rest.n > 0 && shown.n < sizeof(shown.text)) {
		/* Go before 1.17 splits a query at ";" as well. */
		struct span pair = { rest.s, span_find(rest, '&') };

		pair.n = span_find(pair, ';');
		redact_parameter(pair, &shown);
		rest = span_after(rest, pair.n);
		copy(&shown, (struct span){ rest.s, rest.n > 0 });
		rest = span_after(rest, rest.n > 0);
	}
	add_text(d, "target", (struct span){ shown.text, shown.n }, TARGET_ROOM);
}

/* --- the request -------------------------------------------------------------------------------*/

static const char *known_by(const struct decision_event *e)
{
	bool name = e->request->user.n > 0 || e->request->certificate.n > 0;
	bool token = e->request->has_token && e->policy->file_rules;

	if (e->subject->doubt == SUBJECT_UNKNOWN_TOKEN || e->subject->doubt == SUBJECT_NO_PEER)
		return "unknown token";
	if (e->subject->doubt == SUBJECT_TWO || e->subject->doubt == SUBJECT_SEVERAL ||
		e->subject->doubt == SUBJECT_GROUPS)
		return "contradiction";
	if (name)
		return token ? "certificate and token" : "certificate";
	return token ? "token" : "nothing";
}

/* As a rule's "who" names the subject. */
static void add_subject(struct draft *d, const struct subject *subject)
{
	char name[SUBJECT_ROOM + 1] = "cn:";
	size_t prefix = subject->is_unknown_certificate ? strlen("cn:") : 0;
	size_t n = subject->name.n;

	if (n > sizeof(name) - prefix)
		n = sizeof(name) - prefix;
	if (n > 0)
		memcpy(name + prefix, subject->name.s, n);
	add_text(d, "subject", (struct span){ name, prefix + n }, SUBJECT_ROOM);
}

/* What the request is about, as it was found out or will be made. NULL: that was not needed. */
static const struct object_info *target_of(const struct attributes *all)
{
	const struct object_info *made = NULL;

	for (size_t i = 0; i < all->count; i++) {
		const struct attribute *a = &all->items[i];

		if (a->object && a->in_target && !a->implied && !a->made)
			return a->object;
		if (a->object && a->made && !made)
			made = a->object;
	}
	return made;
}

static void add_object(struct draft *d, const struct object_info *o)
{
	if (!o)
		return;
	/* Of a volume the id is the name. */
	if (o->id.n > 0 && !span_equal(o->id, o->name))
		add_text(d, "target_id", o->id, ID_ROOM);
	if (o->name.n > 0)
		add_text(d, "target_name", o->name, THING_ROOM);
	if (o->owner.n > 0)
		add_text(d, "owner", o->owner, THING_ROOM);
}

static void add_request(struct draft *d, const struct decision_event *e)
{
	static const char *const readings[] = { [READING_EXACT] = "exact",
		[READING_UNROUTABLE] = "unroutable",
		[READING_UNREADABLE] = "unreadable" };
	const struct facts *f = e->facts;

	add_subject(d, e->subject);
	json_writer_word(&d->s, "known_by", known_by(e));
	if (e->subject->peer.known) {
		json_writer_number(&d->s, "uid", e->subject->peer.uid);
		json_writer_number(&d->s, "gid", e->subject->peer.gid);
	}
	add_text(d, "method", e->request->method, METHOD_ROOM);
	add_target(d, e->request->target);
	if (f->reading != READING_UNROUTABLE)
		add_text(d, "path", f->target.path, PATH_ROOM);
	json_writer_word(&d->s, "operation", decision_event_operation(f));
	if (f->name.n > 0)
		add_text(d, "name", f->name, NAME_ROOM);
	add_object(d, target_of(&f->attributes));
	json_writer_word(&d->s, "access", f->route && !f->route->write ? "read" : "write");
	json_writer_word(&d->s, "reading", readings[f->reading]);
	if (f->incomplete)
		json_writer_raw(&d->s, SPAN(",\"hidden\":true"));
	if (f->invisible_mount)
		json_writer_raw(&d->s, SPAN(",\"mounts_unseen\":true"));
	if (!powerset_empty(&f->maybe))
		add_powers(d, "unseen_powers", &f->maybe);
	add_powers(d, "powers", &f->powers);
}

/* --- the decision ------------------------------------------------------------------------------*/

/* Adds the nearest rule and what it lacks: as many things as their room holds. */
static void add_nearest(struct draft *d, const struct nearest_rule *near)
{
	bool more = near->more;
	char text[LACK_MOST];
	size_t start;

	add_text(d, "nearest_rule", near->rule->name, RULE_ROOM);
	json_writer_key(&d->s, "lacks");
	start = d->s.n;
	json_writer_raw(&d->s, SPAN("["));
	for (size_t i = 0; i < near->count; i++) {
		more = more || d->s.n - start > LACKS_ROOM - LACK_MOST;
		if (d->s.n - start > LACKS_ROOM - LACK_MOST)
			break;
		if (i > 0)
			json_writer_raw(&d->s, SPAN(","));
		lack_write(&near->lacks[i], text);
		(void)json_writer_string(&d->s, span_of(text), LACK_MOST);
	}
	json_writer_raw(&d->s, SPAN("]"));
	if (more)
		json_writer_raw(&d->s, SPAN(",\"lacks_more\":true"));
}

/* Who gave a grant, or answered for root. */
static void add_by(struct draft *d, const struct grant_by *by)
{
	json_writer_number(&d->s, "uid", by->uid);
	if (by->login_uid >= 0)
		json_writer_number(&d->s, "login_uid", (uint64_t)by->login_uid);
	if (by->name[0] != '\0')
		add_text(d, "by", span_of(by->name), ID_ROOM);
}

/* Of a request that waits for root, or did. */
static void add_ask(struct draft *d, const struct decision_event *e)
{
	const struct ask_record *ask = e->ask;

	json_writer_word(&d->s, "ask", ask->id);
	if (ask->was[0] != '\0')
		json_writer_word(&d->s, "ask_before", ask->was);
	json_writer_number(&d->s, "wait_s", ask->wait);
	if (decision_event_asks(e))
		return;
	json_writer_number(&d->s, "waited_ms", ask->waited_ms);
	if (ask->answered)
		add_by(d, &ask->by);
}

static const char *verdict_of(const struct decision_event *e)
{
	if (decision_event_asks(e))
		return "ask";
	return decision_event_allows(e) ? "allow" : "deny";
}

static void add_decision(struct draft *d, const struct decision_event *e)
{
	const struct decision *decision = e->decision;
	bool allow = decision_event_allows(e);

	json_writer_word(&d->s, "verdict", verdict_of(e));
	if (allow && decision->monitored)
		json_writer_word(&d->s, "would", decision_would_ask(decision) ? "ask" : "deny");
	json_writer_word(&d->s, "decided_by", decision_event_decided_by(e));
	if (!decision)
		return;
	if (decision->reason[0] != '\0')
		json_writer_word(&d->s, "reason", decision->reason);
	if (decision->flag < FLAG_COUNT)
		json_writer_word(&d->s, "flag", flag_at(decision->flag)->name);
	if (decision->by == DECIDED_BY_POWER)
		add_powers(d, "closed", &decision->closed);
	if (decision->grant)
		add_text(d, "grant", decision->grant->name, ID_ROOM);
	if (decision->rule)
		add_text(d, "rule", decision->rule->name, RULE_ROOM);
	if (e->near && e->near->rule)
		add_nearest(d, e->near);
	if (decision->monitored_rule)
		add_text(d, "monitored_rule", decision->monitored_rule->name, RULE_ROOM);
	if (e->ask)
		add_ask(d, e);
}

static void add_policy(struct draft *d, const struct decision_event *e)
{
	const char *message = decision_event_message(e);

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

/* Adds a text unless it is empty. False: it was cut. */
static bool add_part(struct json_writer *s, const char *key, struct span text)
{
	return text.n == 0 || json_writer_text(s, key, text, DETAIL_ROOM);
}

/* False: the line has no room for it. */
static bool write_detail(struct json_writer *s, const struct attribute *d)
{
	const struct mount_info *mount = d->kind == ATTRIBUTE_MOUNT ? d->mount_info : NULL;
	bool whole;

	json_writer_raw(s, SPAN("{"));
	if (d->power != POWER_COUNT)
		json_writer_word(s, "power", power_info(d->power)->name);
	json_writer_word(s, "kind", attribute_kind_name(d->kind));
	whole = add_part(s, "field", d->field);
	whole = add_part(s, "text", d->text) && whole;
	if (d->kind == ATTRIBUTE_MOUNT) {
		whole = add_part(s, "target", d->target) && whole;
		add_flag(s, "read_only", d->read_only);
		if (d->read_only && !attribute_only_reads(d))
			add_flag(s, "writable_below", true);
	}
	if (mount) {
		whole = add_part(s, "resolved", span_of(mount->path)) && whole;
		add_flag(s, "seen", mount->visible);
	}
	if (d->maybe_id)
		add_flag(s, "maybe_id", true);
	if (d->all_tags)
		add_flag(s, "all_tags", true);
	if (d->whole)
		add_flag(s, "whole", true);
	if (d->implied)
		add_flag(s, "implied", true);
	if (!whole)
		add_flag(s, "cut", true);
	json_writer_raw(s, SPAN("}"));
	return !s->full;
}

/* Adds as many as the line has room for, each whole; counts the rest. */
static void add_details(struct draft *d, const struct attributes *details)
{
	size_t left_out = 0;
	size_t shown = 0;

	if (details->count == 0)
		return;
	json_writer_key(&d->s, "details");
	json_writer_raw(&d->s, SPAN("["));
	d->s.cap--; /* for the closing bracket */
	for (size_t i = 0; i < details->count; i++) {
		size_t before = d->s.n;

		if (may_hold_secrets(details->items[i].kind) ||
			!attribute_is_detail(&details->items[i]))
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

	begin(&d, head, decision_event_asks(e) ? "asked" : "decision", e, ret);
	if (e->request)
		add_request(&d, e);
	add_decision(&d, e);
	add_conditions(&d.s, e);
	add_policy(&d, e);
	if (e->request)
		add_details(&d, &e->facts->attributes);
	end(&d, ret);
}

void audit_record_outcome(const struct audit_record_head *head, const struct request_outcome *o,
	struct audit_record_line *ret)
{
	struct draft d;

	begin(&d, head, "outcome", NULL, ret);
	if (o->decision)
		json_writer_word(&d.s, "decision", o->decision);
	if (o->user.n > 0)
		add_text(&d, "user", o->user, SUBJECT_ROOM);
	add_text(&d, "method", o->method, METHOD_ROOM);
	add_target(&d, o->target);
	json_writer_word(&d.s, "pair", o->pair);
	if (o->status > 0)
		json_writer_number(&d.s, "status", o->status);
	if (o->created.n > 0)
		add_text(&d, "created", o->created, NAME_ROOM);
	end(&d, ret);
}

const char *grant_step_name(enum grant_step step)
{
	static const char *const names[] = {
		[GRANT_GIVEN] = "given", [GRANT_ENDED] = "ended", [GRANT_REVOKED] = "revoked"
	};

	return names[step];
}

void audit_record_grant(const struct audit_record_head *head, const struct grant_event *e,
	struct audit_record_line *ret)
{
	struct draft d;

	begin(&d, head, "grant", NULL, ret);
	json_writer_word(&d.s, "step", grant_step_name(e->step));
	json_writer_word(&d.s, "grant", e->id);
	if (e->why)
		add_text(&d, "why", span_of(e->why), DETAIL_ROOM);
	json_writer_word(&d.s, "until", e->until);
	json_writer_number(&d.s, "seconds", e->seconds);
	if (e->step != GRANT_GIVEN)
		json_writer_number(&d.s, "uses", e->uses);
	if (e->root)
		json_writer_raw(&d.s, SPAN(",\"root\":true"));
	if (e->reason[0] != '\0')
		add_text(&d, "reason", span_of(e->reason), NAME_ROOM);
	if (e->by)
		add_by(&d, e->by);
	if (strlen(e->rule) <= GRANT_RULE_MOST) {
		json_writer_key(&d.s, "allows");
		json_writer_raw(&d.s, span_of(e->rule));
	}
	end(&d, ret);
}

/* Writes how many lines, and since when. */
static void end_count(
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

	begin(&d, head, "repeat", NULL, ret);
	json_writer_word(&d.s, "of", of);
	json_writer_word(&d.s, "of_type", type);
	end_count(&d, head, ret);
}

void audit_record_dropped(
	const struct audit_record_head *head, uint64_t decisions, struct audit_record_line *ret)
{
	struct draft d;

	begin(&d, head, "dropped", NULL, ret);
	json_writer_number(&d.s, "decisions", decisions);
	end_count(&d, head, ret);
}
