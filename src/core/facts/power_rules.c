#include "dsp/core/facts/power_rules.h"

#include "dsp/core/parse/fields.h"
#include "power_tests.h"

#define ROW(wh, pa, ky, nm, ts, ar, pw, al, qu, kd)                                                \
	{ .where = (wh),                                                                           \
		.parent = (pa),                                                                    \
		.key = SPAN_INIT(ky),                                                              \
		.name = SPAN_INIT(nm),                                                             \
		.test = (ts),                                                                      \
		.arg = (ar),                                                                       \
		.power = (pw),                                                                     \
		.all_of = (al),                                                                    \
		.quiet = (qu),                                                                     \
		.kind = (kd) },

static const struct power_rule rows[] = { POWER_RULES_ROWS(ROW) };

struct range {
	size_t first;
	size_t end;
};

#define RANGE(id, from, to) [id] = { (from), (to) },

static const struct range of_operation[OPERATION_COUNT] = { QUERY_RANGES(RANGE) };
static const struct range of_struct[STRUCT_COUNT] = { BODY_RANGES(RANGE) };

const struct power_rule *power_rules_of_operation(enum operation operation, size_t *count)
{
	*count = of_operation[operation].end - of_operation[operation].first;
	return rows + of_operation[operation].first;
}

const struct power_rule *power_rules_of_struct(enum struct_id id, size_t *count)
{
	*count = of_struct[id].end - of_struct[id].first;
	return rows + of_struct[id].first;
}

/* NOLINTNEXTLINE(misc-no-recursion): the structs of fields.tab do not hold themselves. */
struct powerset power_rules_all_powers(enum struct_id id)
{
	struct powerset all = { { 0 } };
	size_t count;
	const struct power_rule *rule = power_rules_of_struct(id, &count);
	const struct field *f;

	for (; count > 0; count--, rule++) {
		if (rule->power != POWER_COUNT && rule->power != POWER_PLUGIN_CONTROL)
			powerset_add(&all, rule->power);
	}
	for (f = fields_of_struct(id, &count); count > 0; count--, f++) {
		struct powerset below = { { 0 } };

		if (f->of != STRUCT_NONE)
			below = power_rules_all_powers(f->of);
		powerset_add_all(&all, &below);
	}
	/* A mount may hold the socket or be a device; dsp's own files are left out on purpose. */
	if (powerset_has(&all, POWER_HOST_MOUNTS)) {
		powerset_add(&all, POWER_DOCKER_SOCKET);
		powerset_add(&all, POWER_DEVICES);
	}
	return all;
}

static bool any_of_kind(const struct power_rule *rule, size_t count, enum attribute_kind kind)
{
	for (; count > 0; count--, rule++) {
		if (rule->kind == kind && !rule->quiet)
			return true;
	}
	return false;
}

/* NOLINTNEXTLINE(misc-no-recursion): the structs of fields.tab do not hold themselves. */
static bool struct_has_kind(enum struct_id id, enum attribute_kind kind)
{
	size_t count;
	const struct power_rule *rules = power_rules_of_struct(id, &count);
	const struct field *f;

	if (any_of_kind(rules, count, kind))
		return true;
	for (f = fields_of_struct(id, &count); count > 0; count--, f++) {
		if (f->of != STRUCT_NONE && struct_has_kind(f->of, kind))
			return true;
	}
	return false;
}

bool power_rules_have_kind(const struct route *route, enum attribute_kind kind)
{
	size_t count;
	const struct power_rule *rules = power_rules_of_operation(route->operation, &count);

	return any_of_kind(rules, count, kind) || struct_has_kind(route->schema, kind);
}

bool power_rules_can_hide(const struct route *route, enum attribute_kind kind, enum power power)
{
	size_t count;
	const struct power_rule *rule = power_rules_of_operation(route->operation, &count);

	if (route->schema != STRUCT_NONE)
		return true;
	for (; count > 0; count--, rule++) {
		/* ARG of a name in the path may be a parameter: an image's tag. */
		bool named = rule->where != WHERE_ALWAYS &&
			(rule->where != WHERE_PATH || strcmp(rule->arg, "-") != 0);

		if ((named && rule->kind == kind && !rule->quiet) || rule->all_of != STRUCT_NONE ||
			(named && rule->power == power && power != POWER_COUNT))
			return true;
	}
	return false;
}

static bool always(const struct route *route, enum power_test test, enum attribute_kind kind)
{
	size_t count;
	const struct power_rule *rule = power_rules_of_operation(route->operation, &count);

	for (; count > 0; count--, rule++) {
		if (rule->where == WHERE_ALWAYS && rule->test == test && rule->kind == kind)
			return true;
	}
	return false;
}

bool power_rules_mean_any(const struct route *route, enum attribute_kind kind)
{
	return always(route, TEST_WHOLE, kind);
}

bool power_rules_list_all(const struct route *route, enum attribute_kind kind)
{
	return always(route, TEST_LISTING, kind);
}

int power_rule_apply(struct facts *f, const struct power_rule *rule, struct attribute item)
{
	item.field = rule->name;
	item.power = rule->power;
	item.in_target = rule->where != WHERE_FIELD;
	if (item.kind == ATTRIBUTE_OPTION)
		item.kind = rule->kind;
	if (rule->power != POWER_COUNT)
		powerset_add(&f->powers, rule->power);
	return attributes_add(&f->attributes, &item);
}
