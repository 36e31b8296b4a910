#include "dsp/escape.h"

#include "dsp/decide.h"
#include "dsp/grants.h"

static bool allowed(
	const struct policy *policy, const struct route *route, const struct powerset *powers)
{
	struct facts facts = {
		.route = route, .plain_name = true, .powers = *powers, .reading = READING_EXACT
	};

	return decide(policy, &facts).verdict == VERDICT_ALLOW;
}

/* Whether a query can ask for p; ret gets what it asks for besides. */
static bool by_query(enum operation operation, enum power p, struct powerset *ret)
{
	size_t count;
	const struct grant *g = grants_of_operation(operation, &count);

	for (; count > 0; count--, g++) {
		struct powerset all = { { 0 } };

		if (g->all_of != STRUCT_NONE)
			all = grants_all_of(g->all_of);
		powerset_add_all(ret, &all);
		if (g->power == p || powerset_has(&all, p))
			return true;
	}
	return false;
}

/* What a body of this route can ask for. */
static struct powerset by_body(const struct route *route)
{
	struct powerset all = grants_all_of(route->schema);

	if (route->operation == OP_CONTAINER_UPDATE)
		return (struct powerset){ { 0 } };
	if (powerset_has(&all, POWER_HOST_MOUNTS))
		powerset_add(&all, POWER_DSP_FILES);
	if (route->schema == STRUCT_SERVICESPEC)
		powerset_add(&all, POWER_PLUGIN_CONTROL);
	return all;
}

/* Whether a request of this route can ask for p; ret: all that it then asks for, at least. */
static bool can_ask(const struct route *route, enum power p, struct powerset *ret)
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

bool escape_find(const struct policy *policy, enum power p, const struct route **ret)
{
	size_t count;
	const struct route *route = route_rows(&count);
	struct powerset powers = { { 0 } };

	*ret = NULL;
	if (p == POWER_UNKNOWN) {
		powerset_add(&powers, p);
		return allowed(policy, NULL, &powers);
	}
	for (; count > 0; count--, route++) {
		if (can_ask(route, p, &powers) && allowed(policy, route, &powers)) {
			*ret = route;
			return true;
		}
	}
	return false;
}
