#include "dsp/escape.h"

#include "dsp/grants.h"

static struct decision ask(const struct policy *policy, const struct subject *subject,
	const struct route *route, const struct powerset *powers)
{
	struct facts facts = {
		.route = route, .plain_name = true, .powers = *powers, .reading = READING_EXACT
	};

	return decide(policy, subject, &facts);
}

static bool by_query(enum operation operation, enum power p)
{
	size_t count;
	const struct grant *g = grants_of_operation(operation, &count);
	struct powerset all;

	for (; count > 0; count--, g++) {
		if (g->power == p)
			return true;
		if (g->all_of == STRUCT_NONE)
			continue;
		all = grants_all_of(g->all_of);
		if (powerset_has(&all, p))
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

bool escape_asks(const struct route *route, enum power p, struct powerset *ret)
{
	struct powerset body = by_body(route);

	*ret = route_powers(route);
	if (powerset_has(ret, p))
		return true;
	powerset_add(ret, p);
	if (by_query(route->operation, p))
		return true;
	/* These are found behind a mount's source. */
	if (p == POWER_DOCKER_SOCKET || p == POWER_DSP_FILES)
		powerset_add(ret, POWER_HOST_MOUNTS);
	/* An old-style start with a body makes a container anew. */
	if (route->operation == OP_CONTAINER_START)
		powerset_add(ret, POWER_CREATE);
	return powerset_has(&body, p);
}

struct powerset escape_possible(const struct route *route)
{
	struct powerset all = { { 0 } };
	struct powerset unused;

	for (size_t i = 0; i < POWER_COUNT; i++) {
		if (escape_asks(route, (enum power)i, &unused))
			powerset_add(&all, (enum power)i);
	}
	return all;
}

bool escape_find(const struct policy *policy, const struct subject *subject, enum power p,
	struct escape *ret)
{
	size_t count;
	const struct route *route = route_rows(&count);
	struct powerset powers = { { 0 } };

	ret->route = NULL;
	if (p == POWER_UNKNOWN) {
		powerset_add(&powers, p);
		ret->decision = ask(policy, subject, NULL, &powers);
		return ret->decision.verdict == VERDICT_ALLOW;
	}
	for (; count > 0; count--, route++) {
		if (!escape_asks(route, p, &powers))
			continue;
		ret->route = route;
		ret->decision = ask(policy, subject, route, &powers);
		if (ret->decision.verdict == VERDICT_ALLOW)
			return true;
	}
	return false;
}
