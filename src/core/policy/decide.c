#include "dsp/core/policy/decide.h"
#include "dsp/core/policy/rule_match.h"

static struct decision deny(enum decider by, const char *reason, size_t flag)
{
	return (struct decision){
		.verdict = VERDICT_DENY, .by = by, .reason = reason, .flag = flag
	};
}

static struct decision allow(enum decider by, size_t flag)
{
	return (struct decision){ .verdict = VERDICT_ALLOW, .by = by, .reason = "", .flag = flag };
}

static struct decision deny_closed(const struct policy *policy, const struct powerset *closed)
{
	struct decision d = deny(DECIDED_BY_POWER, "", FLAG_COUNT);

	d.closed = *closed;
	for (size_t i = 0; i < POWER_COUNT; i++) {
		if (powerset_has(closed, (enum power)i)) {
			d.reason = power_info((enum power)i)->name;
			d.flag = policy->decided_by_flag[i];
			break;
		}
	}
	return d;
}

/* A mount that dsp cannot see may be the socket's: guard alone goes by its text. */
struct powerset decide_powers(const struct policy *policy, const struct facts *facts)
{
	struct powerset powers = facts->powers;

	if (facts->invisible_mount && policy->profile != PROFILE_GUARD)
		powerset_add(&powers, POWER_DOCKER_SOCKET);
	return powers;
}

/* guard, readonly and hardened: steps 3 to 6. */
static struct decision decide_profile(const struct policy *policy, const struct facts *facts)
{
	const struct route *route = facts->route;
	struct powerset powers = decide_powers(policy, facts);
	struct powerset closed = powerset_both(&powers, &policy->closed);

	if (!powerset_empty(&closed))
		return deny_closed(policy, &closed);
	if (!powerset_empty(&powers) && powerset_within(&powers, &policy->granted))
		return allow(DECIDED_BY_GRANT, FLAG_COUNT);
	if (!route)
		return deny(DECIDED_BY_READING, "unknown", FLAG_COUNT);
	if (route->write && policy->flags[FLAG_POST] == SETTING_OFF)
		return deny(DECIDED_BY_POST, flag_at(FLAG_POST)->name, FLAG_POST);
	if (route->section != SECTION_NONE) {
		size_t flag = flag_of_section(route->section);

		if (policy->flags[flag] == SETTING_OFF)
			return deny(DECIDED_BY_SECTION, flag_at(flag)->name, flag);
	}
	if (policy->profile == PROFILE_READONLY && route->write)
		return deny(DECIDED_BY_READONLY, "readonly", FLAG_COUNT);
	return allow(DECIDED_BY_PROFILE, FLAG_COUNT);
}

static bool concerns(const struct proxy_rule *rule, enum operation operation)
{
	return rule->operations[0] == operation || rule->operations[1] == operation ||
		rule->operations[2] == operation;
}

static bool is_on(const struct policy *policy, size_t flag)
{
	return policy->flags[flag] == SETTING_ON ||
		(policy->flags[flag] == SETTING_UNSET && flag_at(flag)->proxy_default);
}

/* A grant covers its own route alone: what query or body add needs the section's rule. */
static bool grants(const struct policy *policy, const struct facts *facts, size_t rule)
{
	struct powerset own = route_powers(facts->route);

	return is_on(policy, policy->proxy_rule_flags[rule]) && facts->plain_name &&
		powerset_within(&facts->powers, &own);
}

static struct decision decide_section(const struct policy *policy, const struct route *route)
{
	size_t flag = flag_of_section(route->section);

	if (route->section == SECTION_NONE)
		return deny(DECIDED_BY_SECTION, "no section", FLAG_COUNT);
	if (is_on(policy, flag))
		return allow(DECIDED_BY_SECTION, flag);
	return deny(DECIDED_BY_SECTION, flag_at(flag)->name, flag);
}

/* The power by whose name a rule's flag goes: the reason that is given. */
static const char *rule_reason(const struct route *route)
{
	for (size_t i = 0; i < 2 && route->powers[i] != POWER_COUNT; i++) {
		if (route->powers[i] != POWER_CHECKPOINT)
			return power_info(route->powers[i])->name;
	}
	return route->name;
}

/* tecnativa and linuxserver: what HAProxy would say with the projects' rules. */
static struct decision decide_proxy(const struct policy *policy, const struct facts *facts)
{
	const struct route *route = facts->route;
	struct powerset powers = decide_powers(policy, facts);
	struct powerset closed = powerset_both(&powers, &policy->closed);

	if (!powerset_empty(&closed))
		return deny_closed(policy, &closed);
	if (!route)
		return deny(DECIDED_BY_SECTION, "unknown", FLAG_COUNT);
	if (route->operation == OP_SYSTEM_OPTIONS)
		return allow(DECIDED_BY_PROFILE, FLAG_COUNT);
	for (size_t i = 0; i < policy->proxy_rule_count; i++) {
		const struct proxy_rule *rule = policy->proxy_rules[i];
		size_t flag = policy->proxy_rule_flags[i];
		bool about = concerns(rule, route->operation);

		if (rule->kind == PROXY_WRITES && route->write && !is_on(policy, flag))
			return deny(DECIDED_BY_POST, flag_at(flag)->name, flag);
		if (rule->kind == PROXY_GRANT && about && grants(policy, facts, i))
			return allow(DECIDED_BY_GRANT, flag);
		if ((rule->kind == PROXY_DENY || rule->kind == PROXY_CLOSE) && about &&
			!is_on(policy, flag))
			return deny(DECIDED_BY_RULE, rule_reason(route), flag);
	}
	return decide_section(policy, route);
}

static struct decision decide_by_file(const struct rule *rule)
{
	struct decision d = rule->deny ? deny(DECIDED_BY_FILE, "rule", FLAG_COUNT)
				       : allow(DECIDED_BY_FILE, FLAG_COUNT);

	d.rule = rule;
	return d;
}

/*
 * The first rule that matches. Of a request that cannot be read only what route and query say is
 * known: that can be enough for a denial, and never for an allow.
 */
static const struct rule *first_rule(const struct policy *policy, const struct subject *subject,
	const struct facts *facts, const struct rule **monitored_rule)
{
	struct powerset powers = decide_powers(policy, facts);
	const struct rules *rules = policy->file_rules;
	bool exact = facts->reading == READING_EXACT;

	for (size_t i = 0; rules && i < rules->count; i++) {
		const struct rule *rule = &rules->items[i];
		enum match_result result = rule_match(rule, subject->id, facts, &powers).result;

		if (result == MATCH_NOT_SUBJECT || result == MATCH_NOT_OPERATION)
			continue;
		if (!exact && (!rule->deny || rule_has_lists(rule)))
			return NULL;
		if (result != MATCH_YES)
			continue;
		if (!rule->monitor)
			return rule;
		if (!*monitored_rule)
			*monitored_rule = rule;
	}
	return NULL;
}

static struct decision decide_readable(
	const struct policy *policy, const struct subject *subject, const struct facts *facts)
{
	const struct rule *monitored_rule = NULL;
	const struct rule *rule = first_rule(policy, subject, facts, &monitored_rule);
	struct decision d;

	if (rule)
		d = decide_by_file(rule);
	else if (policy->file_rules && policy->file_rules->default_deny)
		d = deny(DECIDED_BY_DEFAULT, "otherwise", FLAG_COUNT);
	else if (policy_is_proxy(policy))
		d = decide_proxy(policy, facts);
	else
		d = decide_profile(policy, facts);
	d.monitored_rule = monitored_rule;
	return d;
}

static struct decision decide_strictly(
	const struct policy *policy, const struct subject *subject, const struct facts *facts)
{
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
	d = decide_readable(policy, subject, facts);
	/* A denial that an administrator can change is the better reason; an allow is none. */
	if ((d.verdict == VERDICT_ALLOW || d.by == DECIDED_BY_DEFAULT) &&
		facts->reading != READING_EXACT)
		return deny(DECIDED_BY_READING, "unreadable", FLAG_COUNT);
	return d;
}

/* What a monitoring policy never lets through: what would undo dsp. */
static bool is_lasting(
	const struct policy *policy, const struct facts *facts, const struct decision *d)
{
	return d->by == DECIDED_BY_BROKEN || d->by == DECIDED_BY_OWN_NAME ||
		(powerset_has(&facts->powers, POWER_PLUGIN_CONTROL) &&
			powerset_has(&policy->closed, POWER_PLUGIN_CONTROL)) ||
		(powerset_has(&facts->powers, POWER_DSP_FILES) &&
			powerset_has(&policy->closed, POWER_DSP_FILES));
}

struct decision decide(
	const struct policy *policy, const struct subject *subject, const struct facts *facts)
{
	struct decision d = decide_strictly(policy, subject, facts);

	if (policy->monitor && d.verdict != VERDICT_ALLOW && !is_lasting(policy, facts, &d)) {
		d.verdict = VERDICT_ALLOW;
		d.monitored = true;
	}
	return d;
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
		return "who asks is not known";
	case DECIDED_BY_FILE:
		return "rule of the policy file";
	case DECIDED_BY_DEFAULT:
		return "otherwise";
	case DECIDED_BY_POWER:
		return "closed power";
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
	case DECIDED_BY_PROFILE:
		break;
	}
	return "profile";
}
