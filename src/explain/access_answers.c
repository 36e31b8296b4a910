#include "access_answers.h"

#include <stdio.h>

#include "dsp/core/base/text.h"
#include "dsp/core/policy/rule_index.h"
#include "dsp/dockerd/dockerd_http2.h"

/* Of routes that share a name one is enough: that which is allowed, or asked for, or the first. */
static bool is_better(const struct access_answer *g, const struct access_answer *best)
{
	return best->decision.verdict != VERDICT_ALLOW &&
		(g->decision.verdict == VERDICT_ALLOW ||
			(g->decision.verdict == VERDICT_ASK &&
				best->decision.verdict == VERDICT_DENY));
}

bool access_best(const struct policy *policy, const struct subject *subject,
	const struct route *first, const struct access_query *query, struct access_answer *ret)
{
	struct access_answer g;
	bool asked = false;
	size_t count = 1;
	const struct route *last = first ? route_rows(&count) + count : NULL;

	for (const struct route *r = first; count > 0; r++, count--) {
		if (first && r == last)
			break;
		if (first && r->operation != first->operation)
			continue;
		if (!access_query_answer(policy, subject, first ? r : NULL, query, &g))
			continue;
		if (!asked || is_better(&g, ret))
			*ret = g;
		asked = true;
	}
	return asked;
}

/* The first of a rule's mounts that makes subject root, and why. */
static void write_mount_way(const struct rule *rule, size_t subject, struct line *l)
{
	const struct list *list = &rule->lists[LIST_MOUNTS];

	for (size_t i = 0; i < list->count; i++) {
		const struct pattern *p = &list->items[i];
		const char *why = escalation_of_item(LIST_MOUNTS, p, subject);
		char path[64];

		if (!why)
			continue;
		text_escape(p->text, path, sizeof(path));
		line_add(l, "; its \"%s%s\" is a direct way to root: %s", path,
			!p->below               ? ""
				: p->text.n > 1 ? "/**"
						: "**",
			why);
		return;
	}
}

/* "rule "x", within its images, mounts". */
static void write_rule(const struct rule *rule, struct line *l)
{
	const char *before = ", within its ";
	char name[96];

	text_escape(rule->name, name, sizeof(name));
	line_add(l, "rule \"%s\"", name);
	for (size_t k = 0; k < LIST_COUNT; k++) {
		if (!rule->lists[k].given)
			continue;
		line_add(l, "%s%s", before, list_name((enum list_kind)k));
		before = ", ";
	}
	if (rule->conditions)
		line_add(l, "; it requires ");
	conditions_write(rule->conditions, l);
}

static bool is_about_mounts(const struct access_query *query)
{
	return query->power == POWER_HOST_MOUNTS ||
		(query->with && powerset_has(&query->with->powers, POWER_HOST_MOUNTS));
}

/* Whether a condition of these concerns an operation. */
static bool concern(const struct conditions *c, size_t operation)
{
	for (size_t k = 0; c && k < CONDITION_COUNT; k++) {
		if (c->of[k].given && condition_concerns((enum condition)k, operation))
			return true;
	}
	return false;
}

/* Adds '; WHO requires ...', whole: what does not fit would read as another bound. */
static void write_bound(const char *who, const struct conditions *c, struct line *l)
{
	size_t n = l->n;

	if (l->cut)
		return;
	line_add(l, "; %s requires ", who);
	conditions_write(c, l);
	if (!l->cut)
		return;
	l->n = n;
	l->text[n] = '\0';
}

/* What an allowed request of an operation must have besides: by "unless", and DSP_REQUIRE. */
static void write_bounds(const struct policy *policy, size_t subject, size_t operation,
	const struct decision *d, struct line *l)
{
	const struct rules *rules = policy->file_rules;
	size_t count = rules ? rules->count : 0;
	char name[96];
	char who[112];

	for (size_t i = rules_next(rules, subject, operation, 0);
		i < count && &rules->items[i] != d->rule;
		i = rules_next(rules, subject, operation, i + 1)) {
		const struct rule *rule = &rules->items[i];

		if (rule->verb != RULE_DENY || rule->monitor ||
			!concern(rule->conditions, operation))
			continue;
		text_escape(rule->name, name, sizeof(name));
		(void)snprintf(who, sizeof(who), "rule \"%s\"", name);
		write_bound(who, rule->conditions, l);
	}
	if (d->rule)
		return;
	if (policy->profile_requires && concern(&policy->profile_require, operation)) {
		(void)snprintf(who, sizeof(who), "profile %s", profile_info(policy->profile)->name);
		write_bound(who, &policy->profile_require, l);
	}
	if (policy->requires && concern(&policy->require, operation)) {
		write_bound("DSP_REQUIRE", &policy->require, l);
	}
}

void access_write_why(
	const struct access_asked *asked, const struct access_answer *g, struct line *l)
{
	const struct policy *policy = asked->policy;
	bool asks = g->decision.verdict == VERDICT_ASK;
	bool may = asks || g->decision.verdict == VERDICT_ALLOW;
	const struct decision *d = &g->decision;
	enum power p = asked->query->power;
	size_t flag = d->flag;

	if (p != POWER_COUNT && d->by == DECIDED_BY_GRANT && flag == FLAG_COUNT)
		flag = policy->decided_by_flag[p];
	if (asks)
		line_add(l, "may, after root approves it: ");
	if (d->monitored)
		line_add(l, "only monitor mode allows it: %s", g->message);
	else if (!may)
		line_add(l, "%s", g->message);
	else if (d->rule)
		write_rule(d->rule, l);
	else if (flag < FLAG_COUNT)
		line_add(l, "%s is %s", flag_at(flag)->name,
			policy->flags[flag] == SETTING_ON ? "1" : "not 0");
	else
		line_add(l, "profile %s leaves it open", profile_info(policy->profile)->name);
	if (!may)
		return;
	if (d->rule && is_about_mounts(asked->query))
		write_mount_way(d->rule, asked->subject, l);
	if (asked->route)
		write_bounds(policy, asked->subject, asked->route->operation, d, l);
}

enum buildkit access_find_buildkit(
	const struct installed_settings *settings, char *version, size_t cap)
{
	return settings->origin == SETTINGS_OF_SHELL ? BUILDKIT_UNKNOWN
						     : dockerd_http2_find(NULL, version, cap);
}
