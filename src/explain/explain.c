#include "dsp/explain/explain.h"

#include <stdio.h>

#include "dsp/config/command.h"
#include "dsp/config/output.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/facts/paths.h"
#include "dsp/core/policy/rule_match.h"

enum { LABEL = 11 }; /* columns before the text of a line */

static json_t *escaped(struct span s)
{
	char text[1024];

	text_escape(s, text, sizeof(text));
	return json_string(text);
}

static json_t *power_names(const struct powerset *set)
{
	json_t *list = json_array();

	for (size_t i = 0; i < POWER_COUNT; i++) {
		if (powerset_has(set, (enum power)i))
			(void)json_array_append_new(
				list, json_string(power_info((enum power)i)->name));
	}
	return list;
}

/* A detail with a key for each of its parts, and as one line. */
static json_t *detail_json(const struct attribute *d)
{
	char line[256];
	bool mount = d->kind == ATTRIBUTE_MOUNT;
	bool looked = mount && d->mount_info;

	attribute_write(d, line, sizeof(line));
	return json_pack("{s:s?, s:s, s:s%, s:o, s:o?, s:o?, s:o?, s:o?, s:b, s:b, s:b, s:b, s:s}",
		"power", d->power == POWER_COUNT ? NULL : power_info(d->power)->name, "kind",
		attribute_kind_name(d->kind), "field", d->field.s ? d->field.s : "", d->field.n,
		"text", escaped(d->text), "target", mount ? escaped(d->target) : NULL, "read_only",
		mount ? json_boolean(d->read_only) : NULL, "resolved",
		looked ? json_string(d->mount_info->path) : NULL, "seen",
		looked ? json_boolean(d->mount_info->visible) : NULL, "maybe_id", d->maybe_id,
		"all_tags", d->all_tags, "whole", d->whole, "implied", d->implied, "line", line);
}

static json_t *details_json(const struct attributes *details)
{
	json_t *list = json_array();

	for (size_t i = 0; i < details->count; i++) {
		if (attribute_is_detail(&details->items[i]))
			(void)json_array_append_new(list, detail_json(&details->items[i]));
	}
	return list;
}

static const char *reading_name(enum reading reading)
{
	switch (reading) {
	case READING_UNROUTABLE:
		return "unroutable";
	case READING_UNREADABLE:
		return "unreadable";
	case READING_EXACT:
		break;
	}
	return "exact";
}

static const char *section_name(const struct route *route)
{
	return route && route->section != SECTION_NONE
		? flag_at(flag_of_section(route->section))->arg
		: "none";
}

static const char *operation_of(const struct facts *facts)
{
	if (facts->route)
		return facts->route->name;
	return facts->reading == READING_UNROUTABLE ? "none" : "unknown";
}

static json_t *subject_json(const struct subject *subject)
{
	char text[128];

	subject_write(subject, text, sizeof(text));
	return json_string(text);
}

/* Where a list has the directory of a mount, but not what is below. */
static void add_exact(const struct list *list, const struct attribute *d, struct line *l)
{
	struct span source = d->mount_info ? span_of(d->mount_info->path) : d->clean;
	char path[64];

	for (size_t i = 0; i < list->count; i++) {
		const struct pattern *p = &list->items[i];

		if (p->read_only || p->below || source.n <= p->text.n ||
			!path_within(source, p->text))
			continue;
		text_escape(p->text, path, sizeof(path));
		line_add(l, "; \"%s\" covers that path alone", path);
		return;
	}
}

/* The thing that a list does not cover, and what it is where the rule compares that. */
static void write_item(const struct rule_match *f, const struct rule *rule, char out[LACK_MOST])
{
	if (f->item && rule->asks_about & 1u << f->item->kind)
		lack_write(&(struct lack){ .power = POWER_COUNT,
				   .list = f->list,
				   .item = f->item,
				   .by = &rule->lists[f->list] },
			out);
	else if (f->item)
		attribute_write(f->item, out, LACK_MOST);
}

/* Writes why a rule did or did not match. */
static void match_text(const struct rule_match *f, const struct rule *rule,
	const struct facts *facts, char *out, size_t cap)
{
	char item[LACK_MOST] = "";
	struct line l;

	line_init(&l, out, cap);
	switch (f->result) {
	case MATCH_YES:
		line_add(&l, rule->monitor ? "matches, and only logs" : "matches");
		if (f->condition.state != CONDITION_MET) {
			line_add(&l, ": ");
			condition_write_state(&f->condition, facts, &l);
		}
		return;
	case MATCH_NOT_SUBJECT:
		line_add(&l, "is not for this user");
		return;
	case MATCH_NOT_OPERATION:
		line_add(&l, "is not for this operation");
		return;
	case MATCH_NOT_LIST:
		write_item(f, rule, item);
		line_add(&l, "its %s do not %s%s%s", list_name(f->list),
			rule->verb == RULE_DENY ? "match the request" : "cover ", item,
			rule->verb != RULE_DENY && !f->item ? "what dsp cannot see in the request"
							    : "");
		if (rule->verb != RULE_DENY && f->item && f->list == LIST_MOUNTS)
			add_exact(&rule->lists[LIST_MOUNTS], f->item, &l);
		return;
	case MATCH_NOT_CONDITIONS:
		if (rule->verb == RULE_DENY) {
			line_add(&l, "the request meets its unless");
			return;
		}
		line_add(&l, "its require is not met: ");
		condition_write_state(&f->condition, facts, &l);
		return;
	case MATCH_NOT_POWERS:
		break;
	}
	line_add(&l,
		rule->verb == RULE_DENY ? "the request needs none of its powers"
					: "it does not have ");
	if (rule->verb != RULE_DENY)
		(void)powers_write(&f->missing, ", ", &l);
}

/* The rules in their order, up to the one that decided. */
static json_t *rules_json(const struct policy *policy, const struct simulation *j)
{
	struct powerset powers = decide_powers(policy, &j->facts);
	json_t *list = json_array();
	bool before = true;

	for (size_t i = 0; policy->file_rules && i < policy->file_rules->count && before; i++) {
		const struct rule *rule = &policy->file_rules->items[i];
		struct rule_match f = rule_match(rule, j->subject.id, &j->facts, &powers);
		char why[256];

		match_text(&f, rule, &j->facts, why, sizeof(why));
		(void)json_array_append_new(list,
			json_pack("{s:o, s:s, s:b, s:s}", "rule", escaped(rule->name), "kind",
				rule_verb_name(rule->verb), "matches", f.result == MATCH_YES, "why",
				why));
		before = j->decision.rule != rule;
	}
	return list;
}

static json_t *lacks_json(const struct nearest_rule *near)
{
	json_t *list = json_array();
	char text[LACK_MOST];

	for (size_t i = 0; near->rule && i < near->count; i++) {
		lack_write(&near->lacks[i], text);
		(void)json_array_append_new(list, json_string(text));
	}
	if (near->more)
		(void)json_array_append_new(list, json_string("and more"));
	return list;
}

json_t *explain_account(const struct policy *policy, const struct simulation *j)
{
	const struct facts *f = &j->facts;
	const struct route *route = f->route;
	const struct decision *d = &j->decision;
	bool allow = d->verdict == VERDICT_ALLOW;
	bool denied = !allow || d->monitored;

	return json_pack(
		"{s:b, s:s, s:b, s:s, s:s, s:o?, s:s?, s:s, s:s, s:s?, s:s, s:s?, s:o, s:o, s:o, s:o, "
		"s:o, s:o, s:o, s:o, s:s, s:s?, s:o, s:o, s:o?, s:o, s:s?}",
		"allow", allow, "verdict", verdict_name(d->verdict), "monitored", d->monitored,
		"reason", d->reason, "decided_by", decider_name(d->by), "rule",
		d->rule ? escaped(d->rule->name) : NULL, "flag",
		d->flag < FLAG_COUNT ? flag_at(d->flag)->name : NULL, "profile",
		profile_info(policy->profile)->name, "operation", operation_of(f), "pattern",
		route ? route->pattern : NULL, "section", section_name(route), "access",
		route ? (route->write ? "write" : "read") : NULL, "powers", power_names(&f->powers),
		"closed", power_names(&d->closed), "details", details_json(&f->attributes), "rules",
		rules_json(policy, j), "method", escaped(j->request.method), "target",
		escaped(j->request.target), "path", escaped(f->target.path), "name",
		escaped(f->name), "reading", reading_name(f->reading), "doubt",
		f->reading == READING_EXACT ? NULL : f->doubt.text, "user",
		escaped(j->request.user), "subject", subject_json(&j->subject), "nearest_rule",
		j->near.rule ? escaped(j->near.rule->name) : NULL, "lacks", lacks_json(&j->near),
		"message", denied ? j->message : NULL);
}

/* "  no shells in prod: is not for this user" */
static void print_rules(const json_t *list)
{
	size_t i;
	const json_t *v;

	json_array_foreach (list, i, v) {
		char text[480];

		(void)snprintf(text, sizeof(text), "%s: %s",
			json_string_value(json_object_get(v, "rule")),
			json_string_value(json_object_get(v, "why")));
		(void)printf("  %-5s ", json_string_value(json_object_get(v, "kind")));
		output_wrapped(strlen("  allow "), text);
	}
}

static void print_list(const char *label, const json_t *list)
{
	size_t i;
	const json_t *v;

	char text[1200];
	struct line l;

	line_init(&l, text, sizeof(text));
	json_array_foreach (list, i, v)
		line_add(&l, "%s%s", i > 0 ? ", " : "", json_string_value(v));
	(void)printf("%-*s", LABEL, label);
	output_wrapped(LABEL, l.n > 0 ? text : "none");
}

/* "  host_mounts       /etc -> /host (rw)" */
static void print_details(const json_t *list)
{
	size_t i;
	const json_t *v;

	json_array_foreach (list, i, v) {
		const char *power = json_string_value(json_object_get(v, "power"));

		(void)printf("  %-17s", power ? power : "-");
		output_wrapped(19, json_string_value(json_object_get(v, "line")));
	}
}

static void print_line(const json_t *o, const char *label, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	if (!text || !text[0])
		return;
	(void)printf("%-*s", LABEL, label);
	output_wrapped(LABEL, text);
}

static void print_verdict(const json_t *o)
{
	const char *verdict = json_string_value(json_object_get(o, "verdict"));
	bool ask = strcmp(verdict, "ask") == 0;

	(void)printf("%-*s", LABEL, "verdict");
	output_shaded(json_is_true(json_object_get(o, "allow")) ? OUTPUT_GOOD
			: ask                                   ? OUTPUT_DOUBTFUL
								: OUTPUT_BAD,
		span_of(verdict));
	(void)printf("\n");
}

static void print_text(const json_t *o)
{
	print_line(o, "method", "method");
	print_line(o, "target", "target");
	print_line(o, "user", "user");
	if (json_array_size(json_object_get(o, "rules")) > 0)
		print_line(o, "subject", "subject");
	print_line(o, "path", "path");
	print_line(o, "operation", "operation");
	print_line(o, "name", "name");
	print_line(o, "section", "section");
	print_line(o, "access", "access");
	print_list("powers", json_object_get(o, "powers"));
	print_details(json_object_get(o, "details"));
	print_line(o, "reading", "reading");
	print_line(o, "doubt", "doubt");
	print_line(o, "profile", "profile");
	if (json_array_size(json_object_get(o, "rules")) > 0)
		(void)printf("rules\n");
	print_rules(json_object_get(o, "rules"));
	print_verdict(o);
	if (json_is_true(json_object_get(o, "monitored")))
		(void)printf("%-11s%s\n", "monitored", "only monitor mode allows it");
	print_line(o, "reason", "reason");
	print_line(o, "decided by", "decided_by");
	print_line(o, "rule", "rule");
	print_line(o, "flag", "flag");
	print_line(o, "nearest", "nearest_rule");
	if (json_array_size(json_object_get(o, "lacks")) > 0)
		print_list("lacks", json_object_get(o, "lacks"));
	print_line(o, "message", "message");
}

static int show(
	const struct installed_settings *s, const struct simulation *j, bool json, struct err *e)
{
	json_auto_t *o = json_pack("{s:o}", "settings", installed_settings_json(s));
	json_auto_t *account = explain_account(&s->config->policy, j);

	if (!o || json_object_update(o, account) != 0)
		return FAIL(e, 0, "no memory");
	if (json) {
		output_json(o);
	} else {
		installed_settings_print(s);
		print_text(o);
	}
	return j->decision.verdict == VERDICT_ALLOW ? EXIT_FINE : EXIT_FINDINGS;
}

int explain_request(const struct installed_settings *settings, const struct simulated_question *q,
	bool json, struct err *e)
{
	AUTO_MEM struct simulation *j = mem_array(1, sizeof(*j));
	int rc;

	if (!j)
		return FAIL(e, 0, "no memory");
	rc = simulate(&settings->config->policy, q, j, e);
	if (rc == 0)
		rc = show(settings, j, json, e);
	simulation_free(j);
	return rc;
}
