#include "dsp/core/policy/escalation.h"

#include "dsp/core/base/text.h"
#include "dsp/core/facts/power_rules.h"

/* The powers that a body of this route can ask for. */
static struct powerset powers_of_body(const struct route *route)
{
	struct powerset all = power_rules_all_powers(route->schema);

	if (route->operation == OP_CONTAINER_UPDATE)
		return (struct powerset){ { 0 } };
	if (powerset_has(&all, POWER_HOST_MOUNTS))
		powerset_add(&all, POWER_DSP_FILES);
	if (route->schema == STRUCT_SERVICESPEC)
		powerset_add(&all, POWER_PLUGIN_CONTROL);
	return all;
}

/*
 * Adds to ret what a query of this operation asks for up to the first rule that can ask for p, and
 * returns whether there is one. POWER_COUNT: all rules.
 */
static bool add_powers_of_query(enum operation operation, enum power p, struct powerset *ret)
{
	size_t count;
	const struct power_rule *rule = power_rules_of_operation(operation, &count);

	for (; count > 0; count--, rule++) {
		struct powerset all = { { 0 } };

		if (rule->all_of != STRUCT_NONE)
			all = power_rules_all_powers(rule->all_of);
		powerset_add_all(ret, &all);
		if (p != POWER_COUNT && (rule->power == p || powerset_has(&all, p)))
			return true;
		if (p == POWER_COUNT && rule->power != POWER_COUNT)
			powerset_add(ret, rule->power);
	}
	return false;
}

bool escalation_can_ask(const struct route *route, enum power p, struct powerset *ret)
{
	struct powerset body = powers_of_body(route);

	*ret = route_powers(route);
	if (powerset_has(ret, p))
		return true;
	powerset_add(ret, p);
	if (!powerset_has(&body, p))
		return add_powers_of_query(route->operation, p, ret);
	/* These are found behind a mount's source. */
	if (p == POWER_DOCKER_SOCKET || p == POWER_DSP_FILES)
		powerset_add(ret, POWER_HOST_MOUNTS);
	/* An old-style start with a body changes the container's host configuration. */
	if (route->operation == OP_CONTAINER_START)
		powerset_add(ret, POWER_CREATE);
	return true;
}

struct powerset escalation_possible_powers(const struct route *route)
{
	struct powerset all = route_powers(route);
	struct powerset body = powers_of_body(route);

	powerset_add_all(&all, &body);
	(void)add_powers_of_query(route->operation, POWER_COUNT, &all);
	if (route->operation == OP_CONTAINER_START)
		powerset_add(&all, POWER_CREATE);
	return all;
}

bool escalation_by_route(const struct policy *policy, const struct subject *subject,
	const struct route *route, enum power p, struct decision *ret)
{
	struct facts facts = { .route = route, .plain_name = true, .reading = READING_EXACT };

	if (!route)
		powerset_add(&facts.powers, POWER_UNKNOWN);
	else if (p == POWER_COUNT)
		facts.powers = route_powers(route);
	else if (!escalation_can_ask(route, p, &facts.powers))
		return false;
	*ret = decide(policy, subject, &facts);
	return ret->verdict == VERDICT_ALLOW;
}

bool escalation_find(const struct policy *policy, const struct subject *subject, enum power p,
	struct escalation *ret)
{
	size_t count;
	const struct route *route = route_rows(&count);

	ret->route = NULL;
	if (p == POWER_UNKNOWN)
		return escalation_by_route(policy, subject, NULL, p, &ret->decision);
	for (; count > 0; count--, route++) {
		ret->route = route;
		if (escalation_by_route(policy, subject, route, p, &ret->decision))
			return true;
	}
	return false;
}

void escalation_reason(
	const struct policy *policy, enum power p, const struct decision *d, char *out, size_t cap)
{
	size_t flag = policy->decided_by_flag[p];
	char name[64];
	struct line l;

	line_init(&l, out, cap);
	if (d->rule) {
		text_escape(d->rule->name, name, sizeof(name));
		line_add(&l, "rule \"%s\" allows it", name);
	} else if (flag < FLAG_COUNT && policy->flags[flag] == SETTING_ON) {
		line_add(&l, "%s is 1", flag_at(flag)->name);
	} else {
		line_add(&l, "%s is not 0 in profile %s", power_info(p)->flag,
			profile_info(policy->profile)->name);
	}
}
