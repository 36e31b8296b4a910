#include "dsp/core/facts/power_rules.h"
#include "dsp/core/parse/query.h"

/* POST /images/create is three operations in one route: what the query says decides. */
static void complete_pull(struct extraction *a, struct span query)
{
	bool pull = query_given(query, "fromImage");
	bool import = query_given(query, "fromSrc");

	if (a->incomplete || pull == import) {
		powerset_add(a->powers, POWER_IMAGE_PULL);
		powerset_add(a->powers, POWER_IMAGE_IMPORT);
	}
	if (a->incomplete || (pull && import))
		powerset_add(a->powers, POWER_DIALS_OUT);
}

/*
 * Whether a form body that dsp is not shown could replace the query. Where a body is JSON or
 * nothing, such a request is unreadable; a tar is never shown, so there the doubt stays.
 */
static bool may_be_replaced(const struct route *route, const struct request *rq)
{
	if (rq->has_content_length && span_equal(rq->content_length, SPAN("0")))
		return false;
	/* Builds with a multipart body need no shown type: only an empty body clears them. */
	if (route->operation == OP_IMAGE_BUILD)
		return true;
	return rq->has_content_type && !rq->body64;
}

/* The first value of a parameter, unescaped. -1: no memory. */
static int unescaped(struct extraction *a, struct span query, const char *key, struct span *ret)
{
	struct span raw = query_first(query, key);
	char *text;
	long n;

	*ret = (struct span){ NULL, 0 };
	if (raw.n == 0)
		return 0;
	text = attributes_alloc(a->attributes, raw.n);
	if (!text)
		return -1;
	n = query_unescape(raw, text);
	*ret = (struct span){ text, n > 0 ? (size_t)n : 0 };
	return 0;
}

/* Whether a row's parameter holds. */
static bool holds(const struct power_rule *g, struct span query)
{
	struct span given = query_first(query, g->name.s);

	if (g->test == TEST_TRUE)
		return query_true(query, g->name.s);
	if (g->test == TEST_IS)
		return query_value_in(given, g->arg);
	if (g->test == TEST_OTHER)
		return given.n > 0 && !query_value_in(given, g->arg);
	return given.n > 0;
}

static int ask_parameter(struct extraction *a, const struct power_rule *g, struct span query)
{
	struct attribute d = { .text = { NULL, 0 } };
	struct span tag;

	if (g->all_of != STRUCT_NONE) {
		struct powerset all = power_rules_all_powers(g->all_of);

		powerset_add_all(a->powers, &all);
		a->incomplete = true;
		return 0;
	}
	if (!g->quiet && unescaped(a, query, g->name.s, &d.text) != 0)
		return -1;
	if (g->test != TEST_IMAGE)
		return extraction_add(a, g, d);
	if (unescaped(a, query, g->arg, &tag) != 0)
		return -1;
	return powers_from_image(a, g, d.text, tag);
}

int powers_from_query(struct extraction *a, const struct route *route, const struct request *rq,
	struct span query)
{
	size_t count;
	const struct power_rule *g = power_rules_of_operation(route->operation, &count);
	struct powerset own = route_powers(route);

	a->incomplete = may_be_replaced(route, rq);
	/* Of this route's powers the query says which it is. */
	if (route->operation == OP_IMAGE_PULL)
		complete_pull(a, query);
	else
		powerset_add_all(a->powers, &own);
	if (route->operation == OP_IMAGE_BUILD && a->incomplete)
		powerset_add(a->powers, POWER_BUILD_OPTIONS);
	for (; count > 0; count--, g++) {
		if (holds(g, query) && ask_parameter(a, g, query) != 0)
			return -1;
	}
	return 0;
}
