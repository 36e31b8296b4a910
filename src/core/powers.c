#include "dsp/powers.h"

#include "dsp/powers_of.h"
#include "dsp/query.h"

#define ROW(id, nm, fl, rt, cg, cr, cp, bt, wh)                                                    \
	[id] = { .name = (nm),                                                                     \
		.flag = (fl),                                                                      \
		.root = (rt),                                                                      \
		.closed_guard = (cg),                                                              \
		.closed_readonly = (cr),                                                           \
		.closed_proxies = (cp),                                                            \
		.built = (bt),                                                                     \
		.what = (wh) },

static const struct power_info rows[POWER_COUNT] = { POWERS_ROWS(ROW) };

const struct power_info *power_info(enum power p)
{
	return &rows[p];
}

enum test { TEST_GIVEN, TEST_TRUE, TEST_IS };

/* Powers that a query parameter of an operation adds to those of its route. */
static const struct parameter {
	enum operation operation;
	const char *key;
	enum test test;
	const char *value; /* of TEST_IS */
	enum power power;
} parameters[] = {
	{ OP_CONTAINER_STOP, "signal", TEST_GIVEN, NULL, POWER_KILL },
	{ OP_CONTAINER_RESTART, "signal", TEST_GIVEN, NULL, POWER_KILL },
	{ OP_CONTAINER_ATTACH, "stdin", TEST_TRUE, NULL, POWER_ATTACH_STDIN },
	{ OP_CONTAINER_ATTACH, "logs", TEST_TRUE, NULL, POWER_LOGS },
	{ OP_CONTAINER_ATTACH_WS, "logs", TEST_TRUE, NULL, POWER_LOGS },
	{ OP_CONTAINER_START, "checkpoint", TEST_GIVEN, NULL, POWER_CHECKPOINT },
	{ OP_CONTAINER_START, "checkpoint-dir", TEST_GIVEN, NULL, POWER_CHECKPOINT },
	{ OP_IMAGE_BUILD, "remote", TEST_GIVEN, NULL, POWER_BUILD_OPTIONS },
	{ OP_IMAGE_BUILD, "remote", TEST_GIVEN, NULL, POWER_DIALS_OUT },
	{ OP_IMAGE_BUILD, "networkmode", TEST_GIVEN, NULL, POWER_BUILD_OPTIONS },
	{ OP_IMAGE_BUILD, "extrahosts", TEST_GIVEN, NULL, POWER_BUILD_OPTIONS },
	{ OP_IMAGE_BUILD, "cgroupparent", TEST_GIVEN, NULL, POWER_BUILD_OPTIONS },
	{ OP_IMAGE_BUILD, "securityopt", TEST_GIVEN, NULL, POWER_BUILD_OPTIONS },
	{ OP_IMAGE_BUILD, "buildargs", TEST_GIVEN, NULL, POWER_BUILD_OPTIONS },
	{ OP_IMAGE_BUILD, "outputs", TEST_GIVEN, NULL, POWER_BUILD_OPTIONS },
	{ OP_IMAGE_BUILD, "session", TEST_GIVEN, NULL, POWER_BUILD_OPTIONS },
	{ OP_IMAGE_BUILD, "version", TEST_IS, "2", POWER_BUILD_OPTIONS },
};

static bool holds(const struct parameter *p, struct span query)
{
	switch (p->test) {
	case TEST_GIVEN:
		return query_given(query, p->key);
	case TEST_TRUE:
		return query_true(query, p->key);
	case TEST_IS:
		break;
	}
	return query_value_is(query_first(query, p->key), p->value);
}

/* POST /images/create is three operations in one route: what the query says decides. */
static void add_pull(struct span query, bool hidden, struct powerset *powers)
{
	struct span source = query_first(query, "fromSrc");
	bool pull = query_given(query, "fromImage");
	bool import = source.n > 0;

	if (!pull && !import)
		pull = import = true;
	if (pull || hidden)
		powerset_add(powers, POWER_IMAGE_PULL);
	if (import || hidden)
		powerset_add(powers, POWER_IMAGE_IMPORT);
	if (hidden || (source.n > 0 && (pull || !query_value_is(source, "-"))))
		powerset_add(powers, POWER_DIALS_OUT);
}

/*
 * Whether a form body that dsp is not shown could replace the query. Where a body is JSON or
 * nothing, such a request is unreadable; a tar is never shown, so there the doubt stays.
 */
static bool query_may_be_replaced(const struct route *route, const struct request *rq)
{
	if (rq->has_content_length && span_equal(rq->content_length, SPAN("0")))
		return false;
	/* Builds with a multipart body need no shown type: only an empty body clears them. */
	if (route->operation == OP_IMAGE_BUILD)
		return true;
	return rq->has_content_type && !rq->body64;
}

struct powerset powers_of_query(
	const struct route *route, const struct request *rq, struct span query)
{
	struct powerset powers = route_powers(route);
	bool hidden = query_may_be_replaced(route, rq);

	if (route->operation == OP_IMAGE_PULL) {
		powers = (struct powerset){ { 0 } };
		add_pull(query, hidden, &powers);
		return powers;
	}
	for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
		if (parameters[i].operation == route->operation && holds(&parameters[i], query))
			powerset_add(&powers, parameters[i].power);
	}
	if (route->operation == OP_IMAGE_BUILD && hidden)
		powerset_add(&powers, POWER_BUILD_OPTIONS);
	return powers;
}

void powers_of_body(const struct route *route, const struct body *body, struct powerset *powers)
{
	/* dockerd up to 25 takes a whole HostConfig with an old-style start. */
	if (route->operation == OP_CONTAINER_START && body_has_keys(body))
		powerset_add(powers, POWER_CREATE);
}
