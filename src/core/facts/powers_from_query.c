#include "powers_from_query.h"

#include "dsp/core/parse/query.h"
#include "power_tests.h"
#include "powers_from_names.h"

/*
 * Whether a form body that dsp is not shown could replace the query. Where a body is JSON or
 * nothing, such a request is unreadable; a tar is never shown, so there the doubt stays.
 */
static bool may_be_replaced(const struct route *route, const struct request *rq)
{
	if (rq->has_content_length && span_equal(rq->content_length, SPAN("0")))
		return false;
	/* A build with a multipart body needs no Content-Type: only an empty body rules it out. */
	if (route->operation == OP_IMAGE_BUILD)
		return true;
	return rq->has_content_type && !rq->body64;
}

/* POST /images/create pulls or imports, as the query says; both where dsp cannot tell. */
static void add_pull_powers(struct facts *f)
{
	bool pull = query_given(f->target.query, "fromImage");
	bool import = query_given(f->target.query, "fromSrc");

	if (f->incomplete || pull == import) {
		powerset_add(&f->powers, POWER_IMAGE_PULL);
		powerset_add(&f->powers, POWER_IMAGE_IMPORT);
	}
	if (f->incomplete || (pull && import))
		powerset_add(&f->powers, POWER_DIALS_OUT);
}

/* Whether a rule's parameter passes its test. */
static bool passes(const struct power_rule *rule, struct span query)
{
	struct span given = query_first(query, rule->name.s);

	if (rule->test == TEST_TRUE)
		return query_true(query, rule->name.s);
	if (rule->test == TEST_IS)
		return query_value_in(given, rule->arg);
	if (rule->test == TEST_OTHER)
		return given.n > 0 && !query_value_in(given, rule->arg);
	return given.n > 0;
}

/* The first value of a parameter, unescaped; empty when it cannot be. -1 without memory. */
static int unescape(struct facts *f, const char *key, struct span *ret)
{
	struct span raw = query_first(f->target.query, key);
	char *text;
	long n;

	*ret = (struct span){ NULL, 0 };
	if (raw.n == 0)
		return 0;
	text = attributes_alloc(&f->attributes, raw.n);
	if (!text)
		return -1;
	n = query_unescape(raw, text);
	*ret = (struct span){ text, n > 0 ? (size_t)n : 0 };
	return 0;
}

static int apply_rule(struct facts *f, const struct power_rule *rule)
{
	struct attribute item = { .text = { NULL, 0 } };
	struct span tag;

	if (rule->all_of != STRUCT_NONE) {
		struct powerset all = power_rules_all_powers(rule->all_of);

		powerset_add_all(&f->powers, &all);
		f->incomplete = true;
		return 0;
	}
	if (!rule->quiet && unescape(f, rule->name.s, &item.text) != 0)
		return -1;
	if (rule->test != TEST_IMAGE)
		return power_rule_apply(f, rule, item);
	if (unescape(f, rule->arg, &tag) != 0)
		return -1;
	return powers_from_reference(f, rule, item.text, tag);
}

int powers_from_query(struct facts *f, const struct request *rq)
{
	size_t count;
	const struct power_rule *rule = power_rules_of_operation(f->route->operation, &count);
	struct powerset own = route_powers(f->route);

	f->incomplete = may_be_replaced(f->route, rq);
	if (f->route->operation == OP_IMAGE_PULL)
		add_pull_powers(f);
	else
		powerset_add_all(&f->powers, &own);
	if (f->route->operation == OP_IMAGE_BUILD && f->incomplete)
		powerset_add(&f->powers, POWER_BUILD_OPTIONS);
	for (; count > 0; count--, rule++) {
		if (passes(rule, f->target.query) && apply_rule(f, rule) != 0)
			return -1;
	}
	return 0;
}
