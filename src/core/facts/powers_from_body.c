#include "powers_from_body.h"

#include "dsp/core/base/text.h"
#include "dsp/core/parse/body.h"
#include "dsp/core/parse/fields.h"
#include "power_tests.h"
#include "powers_from_mounts.h"
#include "powers_from_names.h"

static int add_text(struct facts *f, const struct power_rule *rule, struct span text)
{
	return power_rule_apply(f, rule, (struct attribute){ .text = text });
}

static int add_if(bool passed, struct facts *f, const struct power_rule *rule, struct span text)
{
	if (!passed)
		return 0;
	return add_text(f, rule, rule->quiet ? (struct span){ NULL, 0 } : text);
}

/* --- tests of one value ------------------------------------------------------------------------*/

static int powers_from_true(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	return add_if(json_value_true(node->value), f, rule, (struct span){ NULL, 0 });
}

static int powers_from_present(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	return add_if(json_value_given(node->value), f, rule, json_value_text(node->value));
}

static int powers_from_given(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	struct span text = json_value_text(node->value);

	return add_if(text.n > 0, f, rule, text);
}

static int powers_from_is(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	struct span text = json_value_text(node->value);

	return add_if(span_equal(text, span_of(rule->arg)), f, rule, text);
}

static int powers_from_other(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	struct span text = json_value_text(node->value);

	return add_if(text.n > 0 && !text_in_list(text, rule->arg), f, rule, text);
}

static int powers_from_container(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	struct span text = json_value_text(node->value);

	return add_if(span_starts(text, SPAN("container:")), f, rule, text);
}

static int powers_from_key(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	return add_if(
		json_value_member(node->value, rule->arg) != NULL, f, rule, span_of(rule->arg));
}

/* --- tests of each element or member -----------------------------------------------------------*/

static int powers_from_words(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	json_ref list = node->value;

	for (json_ref e = json_value_first(list); e; e = json_value_next(list, e)) {
		if (add_text(f, rule, json_value_text(e)) != 0)
			return -1;
	}
	return 0;
}

/* "NAME=value": the name alone, since the value may be a secret. */
static int powers_from_environment(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	json_ref list = node->value;

	for (json_ref e = json_value_first(list); e; e = json_value_next(list, e)) {
		struct span text = json_value_text(e);

		text.n = span_find(text, '=');
		if (add_text(f, rule, text) != 0)
			return -1;
	}
	return 0;
}

static int powers_from_elements(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	json_ref list = node->value;

	for (json_ref e = json_value_first(list); e; e = json_value_next(list, e)) {
		if (add_text(f, rule, json_value_text(body_get(e, rule->arg))) != 0)
			return -1;
	}
	return 0;
}

static int powers_from_keys_but(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	json_ref map = node->value;

	for (json_ref m = json_value_first(map); m; m = json_value_next(map, m)) {
		if (!text_in_list(m->key, rule->arg) && add_text(f, rule, m->key) != 0)
			return -1;
	}
	return 0;
}

static int powers_from_keys(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	json_ref map = node->value;

	for (json_ref m = json_value_first(map); m; m = json_value_next(map, m)) {
		if (add_text(f, rule, m->key) != 0)
			return -1;
	}
	return 0;
}

/* "127.0.0.1:8080:80/tcp", as far as it is given. */
static int add_port(
	struct facts *f, const struct power_rule *rule, struct span port, json_ref binding)
{
	struct span ip = json_value_text(body_get(binding, "hostip"));
	struct span host = json_value_text(body_get(binding, "hostport"));
	size_t n = ip.n + host.n + port.n + 2;
	char *text = attributes_alloc(&f->attributes, n);
	struct line l;

	if (!text)
		return -1;
	line_init(&l, text, n + 1);
	line_add_cut(&l, ip);
	line_add(&l, "%s", ip.n > 0 ? ":" : "");
	line_add_cut(&l, host);
	line_add(&l, "%s", host.n > 0 || ip.n > 0 ? ":" : "");
	line_add_cut(&l, port);
	return add_text(f, rule, (struct span){ text, l.n });
}

/* Each binding of each port; a port without a binding publishes nothing. */
static int powers_from_ports(
	struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
	json_ref map = node->value;

	for (json_ref port = json_value_first(map); port; port = json_value_next(map, port)) {
		for (json_ref b = json_value_first(port); b; b = json_value_next(port, b)) {
			if (add_port(f, rule, port->key, b) != 0)
				return -1;
		}
	}
	return 0;
}

/* --- the walk ----------------------------------------------------------------------------------*/

int power_rule_test(struct facts *f, const struct power_rule *rule, const struct body_node *node)
{
#define TEST(id, function) [id] = (function),
	static power_test_fn *const tests[POWER_TEST_COUNT] = { POWER_TESTS(TEST) };
#undef TEST

	return tests[rule->test](f, rule, node);
}

static int apply_rules(struct facts *f, const struct field *field, const struct body_node *node)
{
	size_t count;
	const struct power_rule *rule = power_rules_of_struct(field->in, &count);

	for (; count > 0; count--, rule++) {
		if (span_equal(rule->key, field->folded) && power_rule_test(f, rule, node) != 0)
			return -1;
	}
	return 0;
}

/* NOLINTBEGIN(misc-no-recursion): as deep as fields.tab, whose structs do not hold themselves. */
static int walk_struct(
	struct facts *f, enum struct_id schema, json_ref object, const struct body_node *parent);

/* Walks the structs that a field holds: one, or those of a list or a map. */
static int walk_field(struct facts *f, const struct field *field, const struct body_node *node)
{
	json_ref v = node->value;

	if (field->of == STRUCT_NONE)
		return 0;
	if (field->type == TYPE_OBJECT)
		return walk_struct(f, field->of, v, node);
	for (json_ref e = json_value_first(v); e; e = json_value_next(v, e)) {
		if (walk_struct(f, field->of, e, node) != 0)
			return -1;
	}
	return 0;
}

static int walk_struct(
	struct facts *f, enum struct_id schema, json_ref object, const struct body_node *parent)
{
	struct body_node node = { .parent = parent, .object = object };
	json_ref m;

	if (!object || object->kind != JSON_VALUE_OBJECT)
		return 0;
	for (m = json_value_first(object); m; m = json_value_next(object, m)) {
		const struct field *field = json_value_given(m) ? field_find(schema, m->key) : NULL;

		node.value = m;
		if (field &&
			(apply_rules(f, field, &node) != 0 || walk_field(f, field, &node) != 0))
			return -1;
	}
	return 0;
}
/* NOLINTEND(misc-no-recursion) */

/* Applies the rules for fields that are not given, or empty. */
static int apply_rules_of_absence(struct facts *f)
{
	static const struct body_node nothing = { .value = NULL };
	size_t count;
	const struct power_rule *rule = power_rules_of_operation(f->route->operation, &count);

	for (; count > 0; count--, rule++) {
		json_ref v;

		if (rule->where != WHERE_NO_FIELD)
			continue;
		v = body_get(body_get(f->body, rule->parent), rule->key.s);
		if (json_value_empty(v) && power_rule_test(f, rule, &nothing) != 0)
			return -1;
	}
	return 0;
}

int powers_from_body(struct facts *f)
{
	/* dockerd takes limits and the restart policy alone from an update's body. */
	if (f->route->operation == OP_CONTAINER_UPDATE)
		return 0;
	/* dockerd up to 25 takes a whole HostConfig with a start of the old form. */
	if (f->route->operation == OP_CONTAINER_START && f->body->count > 0)
		powerset_add(&f->powers, POWER_CREATE);
	if (walk_struct(f, f->route->schema, f->body, NULL) != 0)
		return -1;
	return f->body && f->body->count > 0 ? apply_rules_of_absence(f) : 0;
}
