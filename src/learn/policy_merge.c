/* Rules of a draft that differ in their operations and the powers of these: merged, and named. */
#include <stdio.h>

#include "dsp/core/base/text.h"
#include "dsp/core/facts/power_rules.h"
#include "policy_draft.h"

/* --- merging -----------------------------------------------------------------------------------*/

static void add_power(struct powerset *set, enum power p)
{
	if (p != POWER_COUNT)
		powerset_add(set, p);
}

struct powerset policy_draft_possible_powers(const struct route *route)
{
	static const enum power any[] = { POWER_PLUGIN_CONTROL, POWER_DSP_FILES, POWER_UNKNOWN,
		POWER_UNKNOWN_FIELD };
	struct powerset all = route_powers(route);
	struct powerset body = power_rules_all_powers(route->schema);
	size_t count;
	const struct power_rule *rule = power_rules_of_operation(route->operation, &count);

	powerset_add_all(&all, &body);
	for (; count > 0; count--, rule++) {
		struct powerset below = power_rules_all_powers(rule->all_of);

		add_power(&all, rule->power);
		powerset_add_all(&all, &below);
	}
	for (size_t i = 0; i < sizeof(any) / sizeof(any[0]); i++)
		powerset_add(&all, any[i]);
	/* As powers_from_query.c and powers_from_body.c add them. */
	if (route->operation == OP_CONTAINER_START)
		powerset_add(&all, POWER_CREATE);
	if (route->operation == OP_IMAGE_BUILD)
		powerset_add(&all, POWER_BUILD_OPTIONS);
	if (route->operation == OP_IMAGE_PULL) {
		powerset_add(&all, POWER_IMAGE_IMPORT);
		powerset_add(&all, POWER_DIALS_OUT);
	}
	return all;
}

static struct powerset powers_of(const json_t *rule)
{
	struct powerset set = { { 0 } };
	const json_t *name;
	size_t i;

	json_array_foreach (json_object_get(rule, "powers"), i, name)
		add_power(&set, power_find(span_of(json_string_value(name))));
	return set;
}

/* Whether each row of each operation of a rule passes a test. */
static bool all_routes(
	const json_t *rule, bool (*test)(const struct route *, const void *), const void *context)
{
	const json_t *name;
	size_t i;

	json_array_foreach (json_object_get(rule, "allow"), i, name) {
		bool known = false;
		size_t count;
		const struct route *route = route_rows(&count);

		for (; count > 0; count--, route++) {
			if (strcmp(route->name, json_string_value(name)) != 0)
				continue;
			known = true;
			if (!test(route, context))
				return false;
		}
		if (!known)
			return false;
	}
	return true;
}

static bool asks_for_none(const struct route *route, const void *powers)
{
	struct powerset gain = policy_draft_possible_powers(route);

	gain = powerset_both(&gain, powers);
	return powerset_empty(&gain);
}

/*
 * Whether no request of a route has anything that a list speaks of, and none of the observations
 * hid what it has: a rule with a list does not allow those.
 */
static bool has_no_items(const struct route *route, const void *observations)
{
	const struct observations *all = observations;

	for (size_t i = 0; i < all->count; i++) {
		const struct facts *f = &all->items[i]->facts;

		if (f->incomplete && f->route && f->route->operation == route->operation)
			return false;
	}
	for (unsigned k = 0; k < LISTS_SUGGESTED; k++) {
		if (power_rules_have_kind(route, list_attribute((enum list_kind)k)))
			return false;
	}
	return true;
}

static bool only_looks(const struct route *route, const void *unused)
{
	(void)unused;
	return !route->write;
}

/* Whether no operation of a rule can ask for one of these powers that the rule does not allow. */
static bool gains_nothing(const json_t *rule, const struct powerset *more)
{
	struct powerset has = powers_of(rule);
	struct powerset new = powerset_less(more, &has);

	return all_routes(rule, asks_for_none, &new);
}

/* Whether the lists of another rule limit nothing that this rule allows. */
static bool needs_no_lists(const json_t *rule, const struct observations *all)
{
	for (unsigned k = 0; k < LIST_COUNT; k++) {
		if (json_object_get(rule, list_name((enum list_kind)k)))
			return false;
	}
	return all_routes(rule, has_no_items, all);
}

static bool has_same_lists(const json_t *a, const json_t *b)
{
	for (unsigned k = 0; k < LIST_COUNT; k++) {
		const json_t *list = json_object_get(a, list_name((enum list_kind)k));
		const json_t *other = json_object_get(b, list_name((enum list_kind)k));

		if (list != other && !json_equal(list, other))
			return false;
	}
	return true;
}

/* Whether one rule for the requests of both allows no more than the two do. */
static bool can_merge(const json_t *a, const json_t *b, const struct observations *all)
{
	struct powerset powers_a = powers_of(a);
	struct powerset powers_b = powers_of(b);

	/* What only looks stays apart: that is read more easily. */
	if (powerset_empty(&powers_a) != powerset_empty(&powers_b) ||
		!json_equal(json_object_get(a, "who"), json_object_get(b, "who")))
		return false;
	if (!has_same_lists(a, b) && !needs_no_lists(a, all) && !needs_no_lists(b, all))
		return false;
	return gains_nothing(a, &powers_b) && gains_nothing(b, &powers_a);
}

/* Adds to a rule what another allows. */
static void add_rule(json_t *rule, const json_t *from)
{
	static const char *const members[] = { "allow", "powers" };

	for (size_t m = 0; m < sizeof(members) / sizeof(members[0]); m++) {
		json_t *list = json_object_get(rule, members[m]);
		json_t *item;
		size_t i;

		json_array_foreach (json_object_get(from, members[m]), i, item) {
			if (!policy_draft_has(list, span_of(json_string_value(item))))
				(void)json_array_append(list, item);
		}
	}
	for (unsigned k = 0; k < LIST_COUNT; k++) {
		json_t *list = json_object_get(from, list_name((enum list_kind)k));

		if (list)
			(void)json_object_set(rule, list_name((enum list_kind)k), list);
	}
}

/* --- names -------------------------------------------------------------------------------------*/

/* Writes "anna: container_stop, container_kill and 2 more", or "anna: reads". */
static void write_name(const json_t *rule, struct line *l)
{
	enum { SHOWN = 3, SUBJECT_ROOM = 64 };
	const json_t *allow = json_object_get(rule, "allow");
	const char *who = json_string_value(json_array_get(json_object_get(rule, "who"), 0));
	size_t count = json_array_size(allow);
	char subject[SUBJECT_ROOM];

	text_escape(span_of(who), subject, sizeof(subject));
	line_add(l, "%s: ", subject);
	if (json_array_size(json_object_get(rule, "powers")) == 0 &&
		all_routes(rule, only_looks, NULL)) {
		line_add(l, "reads");
		return;
	}
	for (size_t i = 0; i < count && i < SHOWN; i++)
		line_add(l, "%s%s", i > 0 ? ", " : "", json_string_value(json_array_get(allow, i)));
	if (count > SHOWN)
		line_add(l, " and %zu more", count - SHOWN);
}

static bool has_name(const json_t *rules, const char *name, size_t before)
{
	for (size_t i = 0; i < before; i++) {
		if (strcmp(json_string_value(json_object_get(json_array_get(rules, i), "name")),
			    name) == 0)
			return true;
	}
	return false;
}

/* --- both --------------------------------------------------------------------------------------*/

void policy_draft_merge(struct policy_draft *p, const struct observations *all)
{
	json_t *rules = json_object_get(p->root, "rules");

	for (size_t i = 0; i < json_array_size(rules); i++) {
		json_t *rule = json_array_get(rules, i);

		for (size_t k = i + 1; k < json_array_size(rules);) {
			const json_t *other = json_array_get(rules, k);

			if (!can_merge(rule, other, all)) {
				k++;
				continue;
			}
			add_rule(rule, other);
			(void)json_array_remove(rules, k);
		}
	}
}

void policy_draft_name(struct policy_draft *p)
{
	json_t *rules = json_object_get(p->root, "rules");

	for (size_t i = 0; i < json_array_size(rules); i++) {
		json_t *rule = json_array_get(rules, i);
		char name[256];
		struct line l;
		size_t n;

		line_init(&l, name, sizeof(name));
		write_name(rule, &l);
		n = l.n;
		for (unsigned number = 2; has_name(rules, name, i); number++) {
			l.n = n;
			line_add(&l, " (%u)", number);
		}
		(void)json_object_set_new(rule, "name", json_string(name));
	}
}
