#include "dsp/core/policy/decide.h"

#include "dsp/core/policy/rule_index.h"
#include "dsp/core/policy/rule_match.h"

/* The steps set d, which starts as a denial: copying it took most of the time of a decision. */
static void deny(struct decision *d, enum decider by, const char *reason, size_t flag)
{
	d->verdict = VERDICT_DENY;
	d->by = by;
	d->reason = reason;
	d->flag = flag;
}

static void ask(struct decision *d)
{
	d->verdict = VERDICT_ASK;
	d->by = DECIDED_BY_FILE;
	d->reason = "ask";
	d->flag = FLAG_COUNT;
}

static void allow(struct decision *d, enum decider by, size_t flag)
{
	d->verdict = VERDICT_ALLOW;
	d->by = by;
	d->reason = "";
	d->flag = flag;
}

struct powerset decide_powers(const struct policy *policy, const struct facts *facts)
{
	struct powerset powers = facts->powers;
	struct powerset closed = powerset_both(&facts->maybe, &policy->closed);

	/* A source at which nothing is, or that dsp cannot see, may be Docker's socket. */
	if (facts->invisible_mount && policy->profile != PROFILE_GUARD)
		powerset_add(&powers, POWER_DOCKER_SOCKET);
	/*
	 * Of a source that may be anything, each power counts that is closed, by a flag or by the
	 * profile: dsp_files too, which every profile closes. A managed plugin sees no source at
	 * all: there a power counts that a flag closes.
	 */
	for (size_t p = powerset_next(&closed, 0); p < POWER_COUNT;
		p = powerset_next(&closed, p + 1)) {
		if (!policy->mounts_invisible || policy->decided_by_flag[p] != FLAG_COUNT)
			powerset_add(&powers, (enum power)p);
	}
	return powers;
}

/* --- flags and profile -------------------------------------------------------------------------*/

/* Profiles that are no proxy: none of these powers is closed. */
static void decide_by_profile(const struct policy *policy, const struct route *route,
	const struct powerset *powers, struct decision *d)
{
	size_t section = route ? flag_of_section(route->section) : (size_t)FLAG_COUNT;

	if (!powerset_empty(powers) && powerset_within(powers, &policy->granted))
		allow(d, DECIDED_BY_GRANT, FLAG_COUNT);
	else if (!route)
		deny(d, DECIDED_BY_READING, "unknown", FLAG_COUNT);
	else if (route->write && policy->flags[FLAG_POST] == SETTING_OFF)
		deny(d, DECIDED_BY_POST, flag_at(FLAG_POST)->name, FLAG_POST);
	else if (route->section != SECTION_NONE && policy->flags[section] == SETTING_OFF)
		deny(d, DECIDED_BY_SECTION, flag_at(section)->name, section);
	else if (policy->profile == PROFILE_READONLY && route->write)
		deny(d, DECIDED_BY_READONLY, "readonly", FLAG_COUNT);
	else
		allow(d, DECIDED_BY_PROFILE, FLAG_COUNT);
}

static bool is_on(const struct policy *policy, size_t flag)
{
	return policy->flags[flag] == SETTING_ON ||
		(policy->flags[flag] == SETTING_UNSET && flag_at(flag)->proxy_default);
}

static bool matches(const struct proxy_rule *rule, enum operation operation)
{
	return rule->operations[0] == operation || rule->operations[1] == operation ||
		rule->operations[2] == operation;
}

/* Why a proxy's rule denies a route: the power that the rule's flag is named after. */
static const char *proxy_rule_reason(const struct route *route)
{
	for (size_t i = 0; i < ROUTE_POWERS_MOST && route->powers[i] != POWER_COUNT; i++) {
		if (route->powers[i] != POWER_CHECKPOINT)
			return power_info(route->powers[i])->name;
	}
	return route->name;
}

static void decide_by_section(const struct policy *policy, enum section section, struct decision *d)
{
	size_t flag = flag_of_section(section);

	if (section == SECTION_NONE)
		deny(d, DECIDED_BY_SECTION, "no section", FLAG_COUNT);
	else if (!is_on(policy, flag))
		deny(d, DECIDED_BY_SECTION, flag_at(flag)->name, flag);
	else
		allow(d, DECIDED_BY_SECTION, flag);
}

/* Whether one rule of a proxy decides. */
static bool decide_by_proxy_rule(
	const struct policy *policy, const struct facts *facts, size_t i, struct decision *d)
{
	const struct proxy_rule *rule = policy->proxy_rules[i];
	const struct route *route = facts->route;
	size_t flag = policy->proxy_rule_flags[i];
	struct powerset own;
	bool on;

	if (rule->kind == PROXY_WRITES ? !route->write : !matches(rule, route->operation))
		return false;
	/* Only now: the row that stands for the sections has no flag of its own. */
	on = is_on(policy, flag);
	own = route_powers(route);
	if (rule->kind == PROXY_WRITES && !on)
		deny(d, DECIDED_BY_POST, flag_at(flag)->name, flag);
	/* It covers the route alone: powers of query or body need the section's flag. */
	else if (rule->kind == PROXY_GRANT && on && facts->plain_name &&
		powerset_within(&facts->powers, &own))
		allow(d, DECIDED_BY_GRANT, flag);
	else if ((rule->kind == PROXY_DENY || rule->kind == PROXY_CLOSE) && !on)
		deny(d, DECIDED_BY_RULE, proxy_rule_reason(route), flag);
	else
		return false;
	return true;
}

/* tecnativa and linuxserver: what HAProxy would do with the rules of these projects. */
static void decide_by_proxy_rules(
	const struct policy *policy, const struct facts *facts, struct decision *d)
{
	const struct route *route = facts->route;
	bool decided = false;

	if (!route)
		deny(d, DECIDED_BY_SECTION, "unknown", FLAG_COUNT);
	else if (route->operation == OP_SYSTEM_OPTIONS)
		allow(d, DECIDED_BY_PROFILE, FLAG_COUNT);
	else {
		for (size_t i = 0; !decided && i < policy->proxy_rule_count; i++)
			decided = decide_by_proxy_rule(policy, facts, i, d);
		if (!decided)
			decide_by_section(policy, route->section, d);
	}
}

/* What everybody must meet: that of the profile, or DSP_REQUIRE. False: d is a denial. */
static bool meets(const struct conditions *required, const struct facts *facts, struct decision *d)
{
	struct condition_verdict verdict = conditions_judge(required, facts, SUBJECT_ANONYMOUS);

	if (verdict.state == CONDITION_MET)
		return true;
	deny(d, DECIDED_BY_REQUIRE, "require", FLAG_COUNT);
	d->required = required;
	d->condition = verdict;
	return false;
}

static void decide_by_flags(
	const struct policy *policy, const struct facts *facts, struct decision *d)
{
	struct powerset powers = decide_powers(policy, facts);
	size_t first;

	d->closed = powerset_both(&powers, &policy->closed);
	first = powerset_next(&d->closed, 0);
	if (first < POWER_COUNT) {
		deny(d, DECIDED_BY_POWER, power_info((enum power)first)->name,
			policy->decided_by_flag[first]);
		return;
	}
	if (policy->profile_requires && !meets(&policy->profile_require, facts, d))
		return;
	if (policy->requires && !meets(&policy->require, facts, d))
		return;
	if (policy_is_proxy(policy))
		decide_by_proxy_rules(policy, facts, d);
	else
		decide_by_profile(policy, facts->route, &powers, d);
}

/* --- the policy file ---------------------------------------------------------------------------*/

/*
 * The first rule that matches, or NULL; monitoring rules are passed over, and ret->monitored_rule
 * is the first of them. Of an unreadable request dsp knows what route and query say: that can be
 * enough for a denial, never for an allow.
 */
static const struct rule *first_rule(const struct policy *policy, const struct subject *subject,
	const struct facts *facts, struct decision *ret)
{
	struct powerset powers = decide_powers(policy, facts);
	struct powerset possible = powers;
	const struct rules *rules = policy->file_rules;
	bool exact = facts->reading == READING_EXACT;
	size_t operation = facts->route ? (size_t)facts->route->operation : (size_t)OPERATION_COUNT;
	struct rule_choice chosen;

	/* A deny rule also matches what the request may ask for. */
	powerset_add_all(&possible, &facts->maybe);
	rules_choose(rules, facts, &powers, &possible, &chosen);
	for (size_t i = 0;
		(i = exact ? rules_next_chosen(rules, subject->id, operation, &chosen, i)
			   : rules_next(rules, subject->id, operation, i)) < rules->count;
		i++) {
		const struct rule *rule = &rules->items[i];
		struct rule_match match = rule_match(
			rule, subject->id, facts, rule->verb == RULE_DENY ? &possible : &powers);

		if (!exact && (rule->verb != RULE_DENY || rule_has_lists(rule)))
			return NULL;
		if (match.result != MATCH_YES)
			continue;
		if (!rule->monitor) {
			ret->condition = match.condition;
			return rule;
		}
		if (!ret->monitored_rule)
			ret->monitored_rule = rule;
	}
	return NULL;
}

static void decide_by_file(const struct policy *policy, const struct subject *subject,
	const struct facts *facts, struct decision *d)
{
	const struct rule *rule = policy->file_rules ? first_rule(policy, subject, facts, d) : NULL;

	if (rule && rule->verb == RULE_DENY)
		deny(d, DECIDED_BY_FILE, "rule", FLAG_COUNT);
	else if (rule && rule->verb == RULE_ASK)
		ask(d);
	else if (rule)
		allow(d, DECIDED_BY_FILE, FLAG_COUNT);
	else if (policy->file_rules && policy->file_rules->default_deny)
		deny(d, DECIDED_BY_DEFAULT, "otherwise", FLAG_COUNT);
	else
		decide_by_flags(policy, facts, d);
	d->rule = rule;
}

/* --- the steps in their order ------------------------------------------------------------------*/

/* A grant stands before each rule, flag and profile. An allow needs an exact reading. */
static const struct rule *find_grant(const struct policy *policy, const struct subject *subject,
	const struct facts *facts, const struct grant_rules *grants)
{
	struct powerset powers;

	if (!grants || grants->live == 0 || facts->reading != READING_EXACT)
		return NULL;
	powers = decide_powers(policy, facts);
	return grant_rules_find(grants, subject->id, facts, &powers);
}

static void decide_enforced(const struct policy *policy, const struct subject *subject,
	const struct facts *facts, const struct grant_rules *grants, struct decision *d)
{
	const struct rule *grant;

	if (policy->broken[0] != '\0') {
		deny(d, DECIDED_BY_BROKEN, "broken", FLAG_COUNT);
		return;
	}
	if (facts->plugin.n > 0 && policy_owns_name(policy, facts->plugin)) {
		deny(d, DECIDED_BY_OWN_NAME, power_info(POWER_PLUGIN_CONTROL)->name, FLAG_COUNT);
		return;
	}
	if (subject->doubt != SUBJECT_SURE) {
		deny(d, DECIDED_BY_IDENTITY, "identity", FLAG_COUNT);
		return;
	}
	if (facts->reading == READING_UNROUTABLE) {
		deny(d, DECIDED_BY_READING, "unroutable", FLAG_COUNT);
		return;
	}
	grant = find_grant(policy, subject, facts, grants);
	if (grant) {
		allow(d, DECIDED_BY_TEMPORARY, FLAG_COUNT);
		d->grant = grant;
		return;
	}
	decide_by_file(policy, subject, facts, d);
	/* Denials by a rule or a flag keep their reason: an administrator can change those. */
	if ((d->verdict != VERDICT_DENY || d->by == DECIDED_BY_DEFAULT) &&
		facts->reading != READING_EXACT) {
		*d = (struct decision){ .rule = NULL };
		deny(d, DECIDED_BY_READING, "unreadable", FLAG_COUNT);
	}
}

/* Denials that stay enforced in monitor mode, since allowing them would disable dsp. */
static bool disables_dsp(
	const struct policy *policy, const struct facts *facts, const struct decision *d)
{
	struct powerset powers = decide_powers(policy, facts);
	struct powerset closed = powerset_both(&powers, &policy->closed);

	return d->by == DECIDED_BY_BROKEN || d->by == DECIDED_BY_OWN_NAME ||
		powerset_has(&closed, POWER_PLUGIN_CONTROL) ||
		powerset_has(&closed, POWER_DSP_FILES);
}

struct decision decide(const struct policy *policy, const struct subject *subject,
	const struct facts *facts, const struct grant_rules *grants)
{
	struct decision d = { .verdict = VERDICT_DENY };

	decide_enforced(policy, subject, facts, grants, &d);
	if (policy->monitor && d.verdict != VERDICT_ALLOW && !disables_dsp(policy, facts, &d)) {
		d.verdict = VERDICT_ALLOW;
		d.monitored = true;
	}
	return d;
}

const char *ask_end_name(enum ask_end end)
{
	static const char *const names[ASK_END_COUNT] = { [ASK_NOT_ENDED] = "",
		[ASK_APPROVED] = "approved",
		[ASK_REFUSED] = "refused",
		[ASK_UNANSWERED] = "unanswered",
		[ASK_TOO_MANY] = "too_many",
		[ASK_TOO_MANY_OF_USER] = "too_many_of_user",
		[ASK_TOO_BIG] = "too_big",
		[ASK_STOPPED] = "stopped",
		[ASK_GONE] = "gone" };

	return names[end];
}

struct decision decide_answered(const struct decision *asked, const struct ask_answer *answer,
	const unsigned char facts[DIGEST_SIZE])
{
	struct decision d = *asked;

	if (asked->verdict != VERDICT_ASK || answer->end == ASK_NOT_ENDED ||
		(answer->end == ASK_APPROVED && !digest_equal(answer->facts, facts)))
		return d;
	d = (struct decision){ .verdict = VERDICT_DENY };
	if (answer->end == ASK_APPROVED)
		allow(&d, DECIDED_BY_ANSWER, FLAG_COUNT);
	else
		deny(&d, DECIDED_BY_ANSWER, ask_end_name(answer->end), FLAG_COUNT);
	d.rule = asked->rule;
	d.monitored_rule = asked->monitored_rule;
	d.answer = *answer;
	return d;
}

const struct rule *decision_would_ask(const struct decision *d)
{
	return d->monitored && d->by == DECIDED_BY_FILE && d->rule && d->rule->verb == RULE_ASK
		? d->rule
		: NULL;
}

const char *verdict_name(enum verdict v)
{
	if (v == VERDICT_ALLOW)
		return "allow";
	return v == VERDICT_ASK ? "ask" : "deny";
}

const char *decider_name(enum decider by)
{
	switch (by) {
	case DECIDED_BY_BROKEN:
		return "broken settings";
	case DECIDED_BY_OWN_NAME:
		return "this plugin's own name";
	case DECIDED_BY_READING:
		return "no exact reading";
	case DECIDED_BY_IDENTITY:
		return "unknown client";
	case DECIDED_BY_TEMPORARY:
		return "temporary grant";
	case DECIDED_BY_FILE:
		return "rule of the policy file";
	case DECIDED_BY_DEFAULT:
		return "otherwise";
	case DECIDED_BY_POWER:
		return "closed power";
	case DECIDED_BY_REQUIRE:
		return "required condition";
	case DECIDED_BY_GRANT:
		return "grant";
	case DECIDED_BY_RULE:
		return "proxy rule";
	case DECIDED_BY_POST:
		return "POST";
	case DECIDED_BY_SECTION:
		return "section";
	case DECIDED_BY_READONLY:
		return "readonly";
	case DECIDED_BY_ANSWER:
		return "answer to an ask rule";
	case DECIDED_BY_PROFILE:
		break;
	}
	return "profile";
}
