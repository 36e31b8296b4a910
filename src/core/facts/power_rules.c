#include "dsp/core/facts/power_rules.h"

#include "dsp/core/base/text.h"
#include "dsp/core/parse/fields.h"
#include "power_tests.h"

#define ROW(ky, nm, ts, ar, pw, al, qu, kd)                                                        \
	{ .key = SPAN_INIT(ky),                                                                    \
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

int power_rule_apply(struct facts *f, const struct power_rule *rule, struct attribute item)
{
	item.field = rule->name;
	item.power = rule->power;
	if (item.kind == ATTRIBUTE_OPTION)
		item.kind = rule->kind;
	/* dockerd finds a network by its name, its id, and the start of its id. */
	if (item.kind == ATTRIBUTE_NETWORK)
		item.maybe_id = item.maybe_id || text_is_hex(item.text);
	if (rule->power != POWER_COUNT)
		powerset_add(&f->powers, rule->power);
	return attributes_add(&f->attributes, &item);
}
