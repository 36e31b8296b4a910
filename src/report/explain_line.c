#include "explain_line.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "denial.h"
#include "dsp/config/output.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/message.h"
#include "dsp/learn/observations.h"

enum { LABEL = 14, REFERENCE_ROOM = 64, TEXT_ROOM = 1100 };

/* --- finding it --------------------------------------------------------------------------------*/

struct search {
	char reference[REFERENCE_ROOM]; /* empty: the first decision */
	struct logged_decision *found;
};

static bool is_named(const struct audit_entry *l, const char *member, const char *name)
{
	return name[0] != '\0' && strcmp(audit_entry_text(l, member), name) == 0;
}

/* By the line's id, or the decision of a request that waited for root by its id there. */
static bool is_meant(const struct audit_entry *l, const char *reference)
{
	return is_named(l, "id", reference) ||
		(l->type == ENTRY_DECISION && is_named(l, "ask", reference));
}

/* Keeps what is about the decision; an audit_log_use. */
static int search_entry(void *context, struct audit_entry *l, struct err *e)
{
	struct search *s = context;
	struct logged_decision *d = s->found;
	const char *id = d->entry.object ? d->entry.id : s->reference;

	(void)e;
	if (!d->entry.object && (s->reference[0] ? is_meant(l, id) : l->type == ENTRY_DECISION)) {
		d->entry = *l;
		return 0;
	}
	d->others += !s->reference[0] && l->type == ENTRY_DECISION;
	if (l->type == ENTRY_REPEAT && is_named(l, "of", id))
		d->repeats += l->count;
	if (l->type == ENTRY_OUTCOME && is_named(l, "decision", id) && !d->outcome)
		d->outcome = json_incref(l->object);
	json_decref(l->object);
	return 0;
}

/* The decision that a line is about; NULL: it is one itself; "": it does not say. */
static const char *decision_of(const struct audit_entry *l)
{
	if (l->type == ENTRY_DECISION)
		return NULL;
	if (l->type == ENTRY_ASKED)
		return audit_entry_text(l, "ask");
	return audit_entry_text(l, l->type == ENTRY_OUTCOME ? "decision" : "of");
}

int logged_decision_find(const struct audit_logs *logs, const char *reference,
	struct logged_decision *ret, struct err *e)
{
	struct audit_logs only = *logs;
	struct search s = { .found = ret };
	unsigned truncated = 0;
	const char *of;

	*ret = (struct logged_decision){ .outcome = NULL };
	text_copy(span_of(reference), s.reference, sizeof(s.reference));
	/* A repeat may name an outcome, and that a decision. */
	for (int i = 0; i < 3; i++) {
		only.having = reference ? s.reference : NULL;
		if (audit_logs_read(&only, search_entry, &s, &truncated, e) != 0)
			return -1;
		of = ret->entry.object ? decision_of(&ret->entry) : NULL;
		if (!of)
			return ret->entry.object ? 1 : 0;
		text_copy(span_of(of), s.reference, sizeof(s.reference));
		logged_decision_free(ret);
		if (s.reference[0] == '\0')
			return FAIL(e, 0, "that line is about no decision that the log names");
	}
	return 0;
}

int logged_decision_parse(const char *where, const char *line, const struct audit_logs *logs,
	struct logged_decision *ret, struct err *e)
{
	char reference[REFERENCE_ROOM];
	const char *of;

	*ret = (struct logged_decision){ .outcome = NULL };
	if (audit_entry_parse(where, 1, span_of(line), &ret->entry, e) != 0)
		return -1;
	of = decision_of(&ret->entry);
	if (!of)
		return 1;
	text_copy(span_of(of), reference, sizeof(reference));
	logged_decision_free(ret);
	return logged_decision_find(logs, reference, ret, e);
}

void logged_decision_free(struct logged_decision *d)
{
	json_decref(d->entry.object);
	json_decref(d->outcome);
	*d = (struct logged_decision){ .outcome = NULL };
}

/* --- what it is today --------------------------------------------------------------------------*/

static json_t *today_unknown(const char *why)
{
	return json_pack("{s:s, s:b, s:n, s:n, s:n, s:n, s:s}", "verdict", "unknown", "differs", 0,
		"decided_by", "rule", "flag", "message", "doubt", why);
}

/* Decides the facts of the line again. */
static json_t *decide_today(const struct logged_decision *d, const struct observation *s,
	const struct subject *subject, const struct policy *policy)
{
	struct decision now = decide(policy, subject, &s->facts, NULL);
	const char *verdict = now.monitored ? "would" : verdict_name(now.verdict);
	bool answered = strcmp(audit_entry_text(&d->entry, "decided_by"), "answer") == 0;
	const char *then = answered ? "ask" : audit_entry_verdict(&d->entry);
	bool closed = strcmp(verdict, "allow") != 0;
	struct nearest_rule near;
	char message[MESSAGE_MOST];
	char rule[128] = "";

	nearest_rule_find(policy, subject, &s->facts, &now, &near);
	message_write(&(struct message){ policy, subject, &s->facts, &now, &near }, message);
	if (now.rule)
		text_escape(now.rule->name, rule, sizeof(rule));
	return json_pack("{s:s, s:b, s:s, s:s?, s:s?, s:s?, s:s?}", "verdict", verdict, "differs",
		strcmp(verdict, then) != 0, "decided_by", decider_name(now.by), "rule",
		now.rule ? rule : NULL, "flag",
		now.flag < FLAG_COUNT ? flag_at(now.flag)->name : NULL, "message",
		closed ? message : NULL, "doubt", observation_doubt(s, policy));
}

/* A route that dsp does not know has its path in messages. */
static void restore_path(const struct audit_entry *l, struct observation *s, char *room, size_t cap)
{
	text_copy(span_of(audit_entry_text(l, "path")), room, cap);
	s->facts.target.path = (struct span){ room, audit_unescape(room, room) };
}

/* NULL and e: no memory, or no such user. policy: NULL for the reason that e has. */
static json_t *make_today(
	const struct logged_decision *d, const struct policy *policy, const char *as, struct err *e)
{
	struct observations *all = policy ? observations_new() : NULL;
	struct observation *s;
	struct subject subject;
	char path[TEXT_ROOM];
	size_t id = policy && as ? rules_find_subject(policy->file_rules, span_of(as)) : 0;
	json_t *today = NULL;

	if (!policy)
		return today_unknown(e->text);
	if (id == SIZE_MAX) {
		err_set(e, 0, "no user \"%s\" in the policy file; dsp list users shows all", as);
	} else if (!all) {
		err_set(e, ENOMEM, "the line");
	} else {
		all->include_denied = true;
		if (observations_add(all, &d->entry, NULL, e) == 0) {
			s = all->items[0];
			restore_path(&d->entry, s, path, sizeof(path));
			subject = as ? subject_at(policy->file_rules, id)
				     : observation_subject(s, policy->file_rules);
			today = s->unallowable ? today_unknown(s->unallowable)
					       : decide_today(d, s, &subject, policy);
		}
	}
	observations_free(all);
	return today;
}

/* --- the whole ---------------------------------------------------------------------------------*/

static const char *member(const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));

	return text ? text : "";
}

static json_t *make_account(const struct logged_decision *d, json_t *today)
{
	const struct audit_entry *l = &d->entry;
	bool closed = strcmp(audit_entry_verdict(l), "allow") != 0;
	char remedy[TEXT_ROOM] = "";
	char thing[TEXT_ROOM];
	char command[400] = "";
	char text[400];
	struct line all;

	denial_thing(l, thing, sizeof(thing));
	line_init(&all, remedy, sizeof(remedy));
	if (closed) {
		line_add(&all, "%s", remedy_text(denial_remedy(l, text, sizeof(text))));
		line_add(&all, "%s%s", text[0] ? " " : "", text);
		denial_allow_command(l, command, sizeof(command));
	}
	return json_pack("{s:O, s:s, s:s?, s:s?, s:I, s:O?, s:o}", "line", l->object, "asked_for",
		thing, "remedy", closed ? remedy : NULL, "allow_command",
		command[0] != '\0' ? command : NULL, "repeats", (json_int_t)d->repeats, "outcome",
		d->outcome, "today", today);
}

/* Prints a text in which anything may be as printable ASCII. */
static void print_text(const char *label, const char *text)
{
	char safe[TEXT_ROOM];

	if (text[0] == '\0')
		return;
	text_copy(span_of(text), safe, sizeof(safe));
	for (char *c = safe; *c; c++) {
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	}
	(void)printf("%-*s", LABEL, label);
	output_wrapped(LABEL, safe);
}

/* The members of the line that need no other words. */
static void print_members(const struct audit_entry *l, const char *const rows[][2])
{
	for (; (*rows)[0]; rows++) {
		char text[TEXT_ROOM];
		struct line all;

		line_init(&all, text, sizeof(text));
		for (size_t i = 0; audit_entry_word(l, (*rows)[1], i); i++)
			line_add(&all, "%s%s", i > 0 ? ", " : "",
				audit_entry_word(l, (*rows)[1], i));
		line_add_cut(&all, span_of(audit_entry_text(l, (*rows)[1])));
		print_text((*rows)[0], text);
	}
}

/* "anonymous, known by nothing"; "POST /containers/web/kill". */
static void print_request(const struct audit_entry *l)
{
	char text[TEXT_ROOM];
	struct line all;

	line_init(&all, text, sizeof(text));
	line_add(&all, "%s, known by %s", audit_entry_text(l, "subject"),
		audit_entry_text(l, "known_by"));
	print_text("user", audit_entry_text(l, "subject")[0] ? text : "");
	line_init(&all, text, sizeof(text));
	line_add(&all, "%s ", audit_entry_text(l, "method"));
	line_add_cut(&all, span_of(audit_entry_text(l, "target")));
	print_text("request", audit_entry_text(l, "method")[0] ? text : "");
}

/* The verdict of the log, or of today. */
static void print_verdict(const char *label, const char *verdict, const char *more)
{
	bool good = strcmp(verdict, "allow") == 0;
	bool would = strcmp(verdict, "would") == 0;

	(void)printf("%-*s", LABEL, label);
	output_shaded(good      ? OUTPUT_GOOD
			: would ? OUTPUT_DOUBTFUL
				: OUTPUT_BAD,
		would ? SPAN("allow, only because of monitor mode") : span_of(verdict));
	(void)printf("%s\n", more);
}

static void print_result(const struct logged_decision *d)
{
	json_int_t status = json_integer_value(json_object_get(d->outcome, "status"));
	char text[64];

	if (d->outcome && status > 0)
		(void)snprintf(text, sizeof(text), "dockerd answered with status %d", (int)status);
	else
		text_copy(
			d->outcome ? SPAN("the request has ended") : SPAN(""), text, sizeof(text));
	print_text("outcome", text);
	(void)snprintf(text, sizeof(text), "%llu more like it", (unsigned long long)d->repeats);
	print_text("repeats", d->repeats > 0 ? text : "");
}

/* then: the message of the log, which is not printed again. */
static void print_today(const json_t *today, const char *then)
{
	const char *verdict = member(today, "verdict");
	const char *message = member(today, "message");
	bool differs = json_is_true(json_object_get(today, "differs"));

	if (strcmp(verdict, "unknown") == 0) {
		print_text("today", "dsp cannot decide it again");
		print_text("  because", member(today, "doubt"));
		return;
	}
	print_verdict("today", verdict, differs ? ": not as then" : ", as then");
	if (differs || strcmp(message, then) != 0) {
		print_text("  decided by", member(today, "decided_by"));
		print_text("  rule", member(today, "rule"));
		print_text("  flag", member(today, "flag"));
		print_text("  message", message);
	}
	print_text("  but", member(today, "doubt"));
}

static void print_account(const struct logged_decision *d, const json_t *o)
{
	static const char *const head[][2] = { { "id", "id" }, { "time", "time" },
		{ "host", "host" }, { NULL, NULL } };
	static const char *const request[][2] = { { "operation", "operation" },
		{ "what it names", "target_name" }, { "its id", "target_id" },
		{ "its owner", "owner" }, { "powers", "powers" }, { NULL, NULL } };
	static const char *const cause[][2] = { { "decided by", "decided_by" },
		{ "grant", "grant" }, { "rule", "rule" }, { "log only", "monitored_rule" },
		{ "nearest rule", "nearest_rule" }, { "lacks", "lacks" }, { "flag", "flag" },
		{ "closed", "closed" }, { "message", "message" }, { "profile", "profile" },
		{ "policy", "policy" }, { NULL, NULL } };

	print_members(&d->entry, head);
	print_request(&d->entry);
	print_members(&d->entry, request);
	print_text("asked for", member(o, "asked_for"));
	print_verdict("verdict", audit_entry_verdict(&d->entry), "");
	print_members(&d->entry, cause);
	print_text("allowed by", member(o, "remedy"));
	print_text("for a while", member(o, "allow_command"));
	print_result(d);
	print_today(json_object_get(o, "today"), audit_entry_text(&d->entry, "message"));
}

int logged_decision_explain(const struct logged_decision *d,
	const struct installed_settings *settings, const char *as, bool json, struct err *e)
{
	json_t *today = make_today(d, settings ? &settings->config->policy : NULL, as, e);
	json_auto_t *o = today ? make_account(d, today) : NULL;
	char text[TEXT_ROOM];

	if (!today)
		return -1;
	if (!o)
		return FAIL(e, ENOMEM, "the line");
	if (settings)
		(void)json_object_set_new(o, "settings", installed_settings_json(settings));
	if (json) {
		output_json(o);
		return 0;
	}
	print_account(d, o);
	if (!settings)
		return 0;
	installed_settings_write(settings, text, sizeof(text));
	print_text("", text);
	return 0;
}
