#include "powers_from_query.h"

#include "dsp/core/parse/query.h"
#include "power_tests.h"

/*
 * From API 1.24 on dockerd refuses a start with a body (moby postContainersStart; 7 bytes pass, and
 * name no parameter); before 1.42 it takes no signal for a stop or restart. Sent to 20.10, 28.5 and
 * 29.7: a form behind two Content-Types, chunked and with a length. A path without a version is of
 * dockerd's own, which dsp does not know.
 */
bool form_is_ignored(const struct facts *f)
{
	enum operation operation = f->route->operation;
	const struct target *t = &f->target;

	if (operation == OP_CONTAINER_START)
		return target_has_version(t, 24);
	if (operation == OP_CONTAINER_STOP || operation == OP_CONTAINER_RESTART)
		return target_has_version(t, 0) && !target_has_version(t, 42);
	return f->route->body == BODY_IGNORED;
}

/*
 * Whether a form body that dsp is not shown could replace the query. Where a body is JSON or
 * nothing, such a request is unreadable; a tar is never shown, so there the doubt stays.
 */
static bool may_be_replaced(const struct facts *f, const struct request *rq)
{
	if (rq->has_content_length && span_equal(rq->content_length, SPAN("0")))
		return false;
	/* A build with a multipart body needs no Content-Type: only an empty body rules it out. */
	if (f->route->operation == OP_IMAGE_BUILD)
		return true;
	return !form_is_ignored(f) && rq->has_content_type && !rq->body;
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

/* Whether a value passes a test that it must pass before the rule is applied. */
static bool passes(const struct power_rule *rule, struct span query, struct span value)
{
	if (rule->test == TEST_TRUE)
		return query_true(query, rule->name.s);
	if (rule->test == TEST_IS)
		return query_value_in(value, rule->arg);
	if (rule->test == TEST_OTHER)
		return value.n > 0 && !query_value_in(value, rule->arg);
	return value.n > 0;
}

/* A raw value, unescaped; empty when it cannot be. -1 without memory. */
static int unescape(struct facts *f, struct span raw, struct span *ret)
{
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

/* Applies a rule to a text, as to a string of a body. */
static int apply_to_text(struct facts *f, const struct power_rule *rule, struct span text)
{
	struct json_value value = { .kind = JSON_VALUE_STRING, .text = text };
	struct body_node node = { .value = &value };
	bool image = rule->test == TEST_IMAGE || rule->test == TEST_ALL_TAGS ||
		rule->test == TEST_NEW_IMAGE;

	/* These were tested while the value was still escaped. */
	if (rule->test == TEST_TRUE || rule->test == TEST_IS || rule->test == TEST_OTHER)
		return power_rule_apply(f, rule, (struct attribute){ .text = text });
	if (image && rule->arg[0] != '-' &&
		unescape(f, query_first(f->target.query, rule->arg), &node.tag) != 0)
		return -1;
	return power_rule_test(f, rule, &node);
}

static int apply_to_value(struct facts *f, const struct power_rule *rule, struct span raw)
{
	struct span text = { NULL, 0 };

	if (rule->all_of != STRUCT_NONE) {
		struct powerset all = power_rules_all_powers(rule->all_of);

		powerset_add_all(&f->powers, &all);
		f->incomplete = true;
		return 0;
	}
	if (rule->quiet)
		return power_rule_apply(f, rule, (struct attribute){ .text = text });
	if (unescape(f, raw, &text) != 0)
		return -1;
	return apply_to_text(f, rule, text);
}

static int apply_rule(struct facts *f, const struct power_rule *rule)
{
	static const struct body_node nothing = { .value = NULL };
	struct span rest = f->target.query;
	struct span value;
	bool given;

	switch (rule->where) {
	case WHERE_QUERY:
		value = query_first(rest, rule->name.s);
		return passes(rule, rest, value) ? apply_to_value(f, rule, value) : 0;
	case WHERE_EACH_QUERY:
		while (query_next(&rest, rule->name.s, &value)) {
			if (value.n > 0 && apply_to_value(f, rule, value) != 0)
				return -1;
		}
		return 0;
	case WHERE_PATH:
		return f->name.n > 0 ? apply_to_text(f, rule, f->name) : 0;
	case WHERE_NO_QUERY:
		given = query_given(rest, rule->name.s);
		return given ? 0 : power_rule_test(f, rule, &nothing);
	case WHERE_ALWAYS:
		return power_rule_test(f, rule, &nothing);
	case WHERE_FIELD:
	case WHERE_NO_FIELD:
		break;
	}
	return 0;
}

int powers_from_query(struct facts *f, const struct request *rq)
{
	size_t count;
	const struct power_rule *rule = power_rules_of_operation(f->route->operation, &count);
	struct powerset own = route_powers(f->route);

	f->incomplete = may_be_replaced(f, rq);
	if (f->route->operation == OP_IMAGE_PULL)
		add_pull_powers(f);
	else
		powerset_add_all(&f->powers, &own);
	if (f->route->operation == OP_IMAGE_BUILD && f->incomplete)
		powerset_add(&f->powers, POWER_BUILD_OPTIONS);
	for (; count > 0; count--, rule++) {
		if (apply_rule(f, rule) != 0)
			return -1;
	}
	return 0;
}
