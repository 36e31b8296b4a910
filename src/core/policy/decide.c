#include "dsp/core/policy/decide.h"

#include "dsp/core/policy/rule_index.h"
#include "dsp/core/policy/rule_match.h"

static struct decision deny(enum decider by, const char *reason, size_t flag)
{
	return (struct decision){
		.verdict = VERDICT_DENY, .by = by, .reason = reason, .flag = flag
	};
}

static struct decision ask(void)
{
	return (struct decision){
		.verdict = VERDICT_ASK, .by = DECIDED_BY_FILE, .reason = "ask", .flag = FLAG_COUNT
	};
}

static struct decision allow(enum decider by, size_t flag)
{
	return (struct decision){ .verdict = VERDICT_ALLOW, .by = by, .reason = "", .flag = flag };
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
static struct decision decide_by_profile(
	const struct policy *policy, const struct route *route, const struct powerset *powers)
{
	size_t section;

	if (!powerset_empty(powers) && powerset_within(powers, &policy->granted))
		return allow(DECIDED_BY_GRANT, FLAG_COUNT);
	if (!route)
		return deny(DECIDED_BY_READING, "unknown", FLAG_COUNT);
	if (route->write && policy->flags[FLAG_POST] == SETTING_OFF)
		return deny(DECIDED_BY_POST, flag_at(FLAG_POST)->name, FLAG_POST);
	section = flag_of_section(route->section);
	if (route->section != SECTION_NONE && policy->flags[section] == SETTING_OFF)
		return deny(DECIDED_BY_SECTION, flag_at(section)->name, section);
	if (policy->profile == PROFILE_READONLY && route->write)
		return deny(DECIDED_BY_READONLY, "readonly", FLAG_COUNT);
	return allow(DECIDED_BY_PROFILE, FLAG_COUNT);
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

static struct decision decide_by_section(const struct policy *policy, enum section section)
{
	size_t flag = flag_of_section(section);

	if (section == SECTION_NONE)
		return deny(DECIDED_BY_SECTION, "no section", FLAG_COUNT);
	if (!is_on(policy, flag))
		return deny(DECIDED_BY_SECTION, flag_at(flag)->name, flag);
	return allow(DECIDED_BY_SECTION, flag);
}

/* tecnativa and linuxserver: what HAProxy would do with the rules of these projects. */
static struct decision decide_by_proxy_rules(const struct policy *policy, const struct facts *facts)
{
	const struct route *route = facts->route;
	struct powerset own;

	if (!route)
		return deny(DECIDED_BY_SECTION, "unknown", FLAG_COUNT);
	if (route->operation == OP_SYSTEM_OPTIONS)
		return allow(DECIDED_BY_PROFILE, FLAG_COUNT);
	own = route_powers(route);
	for (size_t i = 0; i < policy->proxy_rule_count; i++) {
		const struct proxy_rule *rule = policy->proxy_rules[i];
		size_t flag = policy->proxy_rule_flags[i];
		bool on;

		if (rule->kind == PROXY_WRITES ? !route->write : !matches(rule, route->operation))
			continue;
		/* Only now: the row that stands for the sections has no flag of its own. */
		on = is_on(policy, flag);
		if (rule->kind == PROXY_WRITES && !on)
			return deny(DECIDED_BY_POST, flag_at(flag)->name, flag);
		/* It covers the route alone: powers of query or body need the section's flag. */
		if (rule->kind == PROXY_GRANT && on && facts->plain_name &&
			powerset_within(&facts->powers, &own))
			return allow(DECIDED_BY_GRANT, flag);
		if ((rule->kind == PROXY_DENY || rule->kind == PROXY_CLOSE) && !on)
			return deny(DECIDED_BY_RULE, proxy_rule_reason(route), flag);
	}
	return decide_by_section(policy, route->section);
}

/* What everybody must meet: that of the profile, or DSP_REQUIRE. */
static struct decision decide_by_conditions(
	const struct conditions *required, const struct facts *facts)
{
	struct decision d = deny(DECIDED_BY_REQUIRE, "require", FLAG_COUNT);

	d.required = required;
	d.condition = conditions_judge(required, facts, SUBJECT_ANONYMOUS);
	return d.condition.state == CONDITION_MET ? allow(DECIDED_BY_REQUIRE, FLAG_COUNT) : d;
}

static struct decision decide_by_flags(const struct policy *policy, const struct facts *facts)
{
	struct powerset powers = decide_powers(policy, facts);
	struct decision d = deny(DECIDED_BY_POWER, "", FLAG_COUNT);
	size_t first;

	d.closed = powerset_both(&powers, &policy->closed);
	first = powerset_next(&d.closed, 0);
	if (first < POWER_COUNT) {
		d.reason = power_info((enum power)first)->name;
		d.flag = policy->decided_by_flag[first];
		return d;
	}
	if (policy->profile_requires) {
		d = decide_by_conditions(&policy->profile_require, facts);
		if (d.verdict != VERDICT_ALLOW)
			return d;
	}
	if (policy->requires) {
		d = decide_by_conditions(&policy->require, facts);
		if (d.verdict != VERDICT_ALLOW)
			return d;
	}
	if (policy_is_proxy(policy))
		return decide_by_proxy_rules(policy, facts);
	return decide_by_profile(policy, facts->route, &powers);
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

static struct decision decide_by_file(
	const struct policy *policy, const struct subject *subject, const struct facts *facts)
{
	struct decision matched = { .rule = NULL };
	const struct rule *rule = policy->file_rules ? first_rule(policy, subject, facts, &matched)
						     : NULL;
	struct decision d;

	if (rule && rule->verb == RULE_DENY)
		d = deny(DECIDED_BY_FILE, "rule", FLAG_COUNT);
	else if (rule && rule->verb == RULE_ASK)
		d = ask();
	else if (rule)
		d = allow(DECIDED_BY_FILE, FLAG_COUNT);
	else if (policy->file_rules && policy->file_rules->default_deny)
		d = deny(DECIDED_BY_DEFAULT, "otherwise", FLAG_COUNT);
	else
		d = decide_by_flags(policy, facts);
	d.rule = rule;
	if (rule)
		d.condition = matched.condition;
	d.monitored_rule = matched.monitored_rule;
	return d;
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

static struct decision decide_enforced(const struct policy *policy, const struct subject *subject,
	const struct facts *facts, const struct grant_rules *grants)
{
	const struct rule *grant;
	struct decision d;

	if (policy->broken[0] != '\0')
		return deny(DECIDED_BY_BROKEN, "broken", FLAG_COUNT);
	if (facts->plugin.n > 0 && policy_owns_name(policy, facts->plugin))
		return deny(
			DECIDED_BY_OWN_NAME, power_info(POWER_PLUGIN_CONTROL)->name, FLAG_COUNT);
	if (subject->doubt != SUBJECT_SURE)
		return deny(DECIDED_BY_IDENTITY, "identity", FLAG_COUNT);
	if (facts->reading == READING_UNROUTABLE)
		return deny(DECIDED_BY_READING, "unroutable", FLAG_COUNT);
	grant = find_grant(policy, subject, facts, grants);
	if (grant) {
		d = allow(DECIDED_BY_TEMPORARY, FLAG_COUNT);
		d.grant = grant;
		return d;
	}
	d = decide_by_file(policy, subject, facts);
	/* Denials by a rule or a flag keep their reason: an administrator can change those. */
	if ((d.verdict != VERDICT_DENY || d.by == DECIDED_BY_DEFAULT) &&
		facts->reading != READING_EXACT)
		return deny(DECIDED_BY_READING, "unreadable", FLAG_COUNT);
	return d;
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
	struct decision d = decide_enforced(policy, subject, facts, grants);

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
	if (answer->end == ASK_APPROVED)
		d = allow(DECIDED_BY_ANSWER, FLAG_COUNT);
	else
		d = deny(DECIDED_BY_ANSWER, ask_end_name(answer->end), FLAG_COUNT);
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
