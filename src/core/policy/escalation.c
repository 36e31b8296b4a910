#include "dsp/core/policy/escalation.h"

#include "dsp/core/base/text.h"
#include "dsp/core/facts/power_rules.h"
#include "dsp/core/parse/fields.h"

static struct decision ask(const struct policy *policy, const struct subject *subject,
	const struct route *route, const struct powerset *powers)
{
	struct facts facts = {
		.route = route, .plain_name = true, .powers = *powers, .reading = READING_EXACT
	};

	return decide(policy, subject, &facts);
}

/* Whether a query can ask for p; ret gets what it asks for besides. */
static bool by_query(enum operation operation, enum power p, struct powerset *ret)
{
	size_t count;
	const struct power_rule *g = power_rules_of_operation(operation, &count);

	for (; count > 0; count--, g++) {
		struct powerset all = { { 0 } };

		if (g->all_of != STRUCT_NONE)
			all = power_rules_all_powers(g->all_of);
		powerset_add_all(ret, &all);
		if (g->power == p || powerset_has(&all, p))
			return true;
	}
	return false;
}

/* What a query of this operation can ask for. */
static struct powerset of_query(enum operation operation)
{
	size_t count;
	const struct power_rule *g = power_rules_of_operation(operation, &count);
	struct powerset all = { { 0 } };

	for (; count > 0; count--, g++) {
		struct powerset below = { { 0 } };

		if (g->power != POWER_COUNT)
			powerset_add(&all, g->power);
		if (g->all_of != STRUCT_NONE)
			below = power_rules_all_powers(g->all_of);
		powerset_add_all(&all, &below);
	}
	return all;
}

/* What a body of this route can ask for. */
static struct powerset by_body(const struct route *route)
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

bool escalation_can_ask(const struct route *route, enum power p, struct powerset *ret)
{
	struct powerset body = by_body(route);

	*ret = route_powers(route);
	if (powerset_has(ret, p))
		return true;
	powerset_add(ret, p);
	if (!powerset_has(&body, p))
		return by_query(route->operation, p, ret);
	/* These are found behind a mount's source. */
	if (p == POWER_DOCKER_SOCKET || p == POWER_DSP_FILES)
		powerset_add(ret, POWER_HOST_MOUNTS);
	/* An old-style start with a body makes a container anew. */
	if (route->operation == OP_CONTAINER_START)
		powerset_add(ret, POWER_CREATE);
	return true;
}

struct powerset escalation_possible_powers(const struct route *route)
{
	struct powerset all = route_powers(route);
	struct powerset query = of_query(route->operation);
	struct powerset body = by_body(route);

	powerset_add_all(&all, &query);
	powerset_add_all(&all, &body);
	if (route->operation == OP_CONTAINER_START)
		powerset_add(&all, POWER_CREATE);
	return all;
}

static bool among(const struct power_rule *g, size_t count, enum attribute_kind kind)
{
	for (; count > 0; count--, g++) {
		if (g->kind == kind && !g->quiet)
			return true;
	}
	return false;
}

/* NOLINTNEXTLINE(misc-no-recursion): the structs of fields.tab do not hold themselves. */
static bool struct_tells(enum struct_id id, enum attribute_kind kind)
{
	size_t count;
	const struct power_rule *g = power_rules_of_struct(id, &count);
	const struct field *f;

	if (among(g, count, kind))
		return true;
	for (f = fields_of_struct(id, &count); count > 0; count--, f++) {
		if (f->of != STRUCT_NONE && struct_tells(f->of, kind))
			return true;
	}
	return false;
}

bool escalation_has_details(const struct route *route, enum attribute_kind kind)
{
	size_t count;
	const struct power_rule *g = power_rules_of_operation(route->operation, &count);

	return among(g, count, kind) ||
		(route->operation != OP_CONTAINER_UPDATE && struct_tells(route->schema, kind));
}

bool escalation_by_route(const struct policy *policy, const struct subject *subject,
	const struct route *route, enum power p, struct decision *ret)
{
	struct powerset powers = { { 0 } };

	if (!route)
		powerset_add(&powers, POWER_UNKNOWN);
	else if (p == POWER_COUNT)
		powers = route_powers(route);
	else if (!escalation_can_ask(route, p, &powers))
		return false;
	*ret = ask(policy, subject, route, &powers);
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
