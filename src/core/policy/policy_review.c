#include "dsp/core/policy/policy_review.h"

#include <strings.h>

#include "dsp/core/base/mem_list.h"
#include "dsp/core/base/text.h"
#include "dsp/core/facts/power_rules.h"
#include "dsp/core/policy/conditions.h"
#include "dsp/core/policy/escalation.h"
#include "dsp/core/policy/rule_index.h"
#include "review.h"

enum { NAMED = 2 }; /* rules in one finding; the others are counted */

/* --- sets of bits ------------------------------------------------------------------------------*/

static bool overlap(const uint64_t *a, const uint64_t *b, size_t words)
{
	for (size_t i = 0; i < words; i++) {
		if (a[i] & b[i])
			return true;
	}
	return false;
}

static bool is_within(const uint64_t *a, const uint64_t *b, size_t words)
{
	for (size_t i = 0; i < words; i++) {
		if (a[i] & ~b[i])
			return false;
	}
	return true;
}

/* --- operations --------------------------------------------------------------------------------*/

static int shape_operations(struct review *r)
{
	size_t count;
	const struct route *route = route_rows(&count);

	r->shapes = mem_list_alloc(&r->memory, RULE_OPERATIONS * sizeof(*r->shapes));
	if (!r->shapes)
		return -1;
	powerset_add(&r->shapes[OPERATION_COUNT].always, POWER_UNKNOWN);
	powerset_add(&r->shapes[OPERATION_COUNT].possible, POWER_UNKNOWN);
	for (; count > 0; count--, route++) {
		struct shape *shape = &r->shapes[route->operation];
		struct powerset own = route_powers(route);
		struct powerset possible = escalation_possible_powers(route);

		shape->always = shape->route ? powerset_both(&shape->always, &own) : own;
		shape->route = shape->route ? shape->route : route;
		powerset_add_all(&shape->possible, &possible);
		for (size_t i = 0; i < LIST_COUNT; i++) {
			enum list_kind k = (enum list_kind)i;
			enum power p = list_power(k);

			if ((p != POWER_COUNT && powerset_has(&shape->possible, p)) ||
				power_rules_have_kind(route, list_attribute(k)))
				shape->lists[i] = true;
		}
	}
	return 0;
}

const char *review_operation_name(const struct review *r, size_t operation)
{
	return r->shapes[operation].route ? r->shapes[operation].route->name : "unknown";
}

/* --- rules that never apply --------------------------------------------------------------------*/

/* The powers that an allow rule can cover at most. */
static struct powerset covered_by(const struct rule *rule)
{
	struct powerset all = rule->powers;

	for (size_t k = 0; k < LIST_COUNT; k++) {
		enum power p = list_power((enum list_kind)k);

		if (rule->lists[k].given && p != POWER_COUNT)
			powerset_add(&all, p);
	}
	return all;
}

/* Whether an earlier rule of the same kind matches every request that a rule could match. */
static bool shadows(const struct review *r, const struct rule *earlier, const struct rule *rule)
{
	struct powerset covered;

	if (earlier->flawed || earlier->monitor ||
		(earlier->verb == RULE_DENY) != (rule->verb == RULE_DENY) ||
		rule_has_lists(earlier) ||
		!is_within(rule->operations, earlier->operations, OPERATION_WORDS) ||
		!is_within(rule->who, earlier->who, r->words))
		return false;
	if (rule->verb == RULE_DENY)
		return !earlier->powers_given ||
			(rule->powers_given && powerset_within(&rule->powers, &earlier->powers));
	covered = covered_by(rule);
	return powerset_within(&covered, &earlier->powers);
}

/* The first of a set; count: it is empty. */
static size_t first_of(const uint64_t *set, size_t count)
{
	size_t i = 0;

	while (i < count && !bit_of(set, i))
		i++;
	return i;
}

/*
 * The first earlier rule that alone matches all that rule i could match; NULL: there is none. Such
 * a rule has no lists, and is for the first subject and operation of rule i.
 */
static const struct rule *shadowing_rule(const struct review *r, size_t i)
{
	const struct rule *rule = &r->rules->items[i];
	size_t subject = first_of(rule->who, r->rules->subject_count);
	size_t operation = first_of(rule->operations, RULE_OPERATIONS);

	if (subject == r->rules->subject_count || operation == RULE_OPERATIONS)
		return NULL;
	for (size_t k = 0; (k = rules_next_plain(r->rules, subject, operation, k)) < i; k++) {
		const struct rule *earlier = &r->rules->items[k];

		if (is_within(rule->operations, r->always[k], OPERATION_WORDS) &&
			is_within(rule->who, earlier->who, r->words))
			return earlier;
		if (shadows(r, earlier, rule))
			return earlier;
	}
	return NULL;
}

/* The earlier rules that together shadow rule i: "a", "b" and 3 more. */
static void write_shadowing_rules(const struct review *r, size_t i, struct line *l)
{
	const struct rule *rule = &r->rules->items[i];
	char shown[SHOWN];
	size_t n = 0;

	for (size_t k = 0; k < i; k++) {
		const struct rule *earlier = &r->rules->items[k];

		if (!overlap(rule->operations, r->always[k], OPERATION_WORDS) ||
			!overlap(rule->who, earlier->who, r->words))
			continue;
		text_escape(earlier->name, shown, sizeof(shown));
		if (++n <= NAMED)
			line_add(l, "%s\"%s\"", n > 1 ? ", " : "", shown);
	}
	if (n > NAMED)
		line_add(l, " and %zu more", n - NAMED);
}

/* True if rule i applies to some request; adds a finding otherwise. */
static bool check_reached(struct review *r, size_t i)
{
	const struct rule *rule = &r->rules->items[i];
	const struct rule *earlier = shadowing_rule(r, i);
	bool reached = false;
	char name[SHOWN];
	char text[160];
	struct line l;

	text_escape(rule->name, name, sizeof(name));
	for (size_t o = 0; o < RULE_OPERATIONS && !reached; o++)
		reached = bit_of(rule->operations, o) &&
			!is_within(rule->who, r->decided[o], r->words);
	if (earlier) {
		text_escape(earlier->name, text, SHOWN);
		findings_error(r->findings, rule->at,
			"rule \"%s\" never applies: rule \"%s\" before it matches every such "
			"request",
			name, text);
	} else if (!reached) {
		line_init(&l, text, sizeof(text));
		write_shadowing_rules(r, i, &l);
		findings_error(r->findings, rule->at,
			"rule \"%s\" never applies: rules before it match every such request: %s",
			name, text);
	} else {
		return true;
	}
	return false;
}

/* Notes the operations of which rule i decides every request: later rules are not reached. */
static void settle(struct review *r, size_t i)
{
	const struct rule *rule = &r->rules->items[i];

	if (rule->monitor || rule_has_lists(rule))
		return;
	for (size_t o = 0; o < RULE_OPERATIONS; o++) {
		const struct shape *shape = &r->shapes[o];
		struct powerset common = powerset_both(&rule->powers, &shape->always);
		bool always = rule->verb == RULE_DENY
			? !rule->powers_given || !powerset_empty(&common)
			: powerset_within(&shape->possible, &rule->powers);

		if (!always || !bit_of(rule->operations, o))
			continue;
		bit_set(r->always[i], o);
		for (size_t w = 0; w < r->words; w++)
			r->decided[o][w] |= rule->who[w];
	}
}

/* --- rules that match nothing ------------------------------------------------------------------*/

static void check_list(struct review *r, const struct rule *rule, enum list_kind k)
{
	if (!rule->lists[k].given)
		return;
	for (size_t o = 0; o < RULE_OPERATIONS; o++) {
		if (bit_of(rule->operations, o) && r->shapes[o].lists[k])
			return;
	}
	findings_warning(r->findings, rule->at,
		rule->verb == RULE_DENY
			? "the rule matches nothing: none of its operations has any %s"
			: "its %s have no effect: none of its operations has any",
		list_name(k));
}

/* Conditions on what no operation of a rule makes. */
static void check_conditions(struct review *r, const struct rule *rule)
{
	bool any = false;

	for (size_t k = 0; rule->conditions && k < CONDITION_COUNT; k++) {
		bool concerns = false;

		for (size_t o = 0; o < OPERATION_COUNT; o++)
			concerns = concerns ||
				(bit_of(rule->operations, o) &&
					condition_concerns((enum condition)k, o));
		any = any || (concerns && rule->conditions->of[k].given);
		if (!concerns && rule->conditions->of[k].given)
			findings_warning(r->findings, rule->at,
				"its %s has no effect: it concerns none of its operations",
				condition_info((enum condition)k)->name);
	}
	if (rule->conditions && rule->verb == RULE_DENY && !any)
		findings_warning(r->findings, rule->at,
			"the rule matches nothing: its unless concerns none of its operations");
}

/* A deny rule with powers that none of its operations can ask for matches nothing. */
static void check_deny(struct review *r, const struct rule *rule)
{
	for (size_t o = 0; o < RULE_OPERATIONS; o++) {
		struct powerset common = powerset_both(&rule->powers, &r->shapes[o].possible);

		if (bit_of(rule->operations, o) && !powerset_empty(&common))
			return;
	}
	findings_warning(r->findings, rule->at,
		"the rule matches nothing: none of its operations can ask for one of its powers");
}

/* An allow rule that does not cover what each of its operations always asks for matches nothing. */
static void check_allow(struct review *r, const struct rule *rule)
{
	struct powerset covered = covered_by(rule);
	struct powerset missing = { { 0 } };
	size_t operation = RULE_OPERATIONS;
	size_t p = 0;

	for (size_t o = 0; o < RULE_OPERATIONS; o++) {
		if (!bit_of(rule->operations, o))
			continue;
		if (powerset_within(&r->shapes[o].always, &covered))
			return;
		if (operation < RULE_OPERATIONS)
			continue;
		operation = o;
		missing = powerset_less(&r->shapes[o].always, &covered);
	}
	while (p < POWER_COUNT && !powerset_has(&missing, (enum power)p))
		p++;
	if (operation == RULE_OPERATIONS || p == POWER_COUNT)
		return;
	findings_warning(r->findings, rule->at,
		"the rule matches nothing: %s asks for %s, which it does not cover",
		review_operation_name(r, operation), power_info((enum power)p)->name);
}

/* --- lists that cannot cover, or match all -----------------------------------------------------*/

static bool has_item(const struct list *list, struct span text)
{
	for (size_t i = 0; i < list->count; i++) {
		if (span_equal(list->items[i].text, text))
			return true;
	}
	return false;
}

/* An allow rule for an operation, such as a prune, in which no list but "*" can cover anything. */
static void check_whole(struct review *r, const struct rule *rule)
{
	struct powerset covered = covered_by(rule);

	for (size_t k = 0; k < LIST_COUNT; k++) {
		const struct list *list = &rule->lists[k];

		if (!list->given || has_item(list, SPAN("*")))
			continue;
		for (size_t o = 0; o < OPERATION_COUNT; o++) {
			const struct shape *shape = &r->shapes[o];

			if (!bit_of(rule->operations, o) ||
				!powerset_within(&shape->always, &covered) ||
				!power_rules_mean_any(
					shape->route, list_attribute((enum list_kind)k)))
				continue;
			findings_warning(r->findings, rule->at,
				"its %s never cover %s, which may affect any of them: only \"*\" "
				"does",
				list_name((enum list_kind)k), review_operation_name(r, o));
			return;
		}
	}
}

/* Any name may stand for a thing with a listed id. */
static void check_ids(struct review *r, const struct rule *rule)
{
	static const enum list_kind kinds[] = { LIST_IMAGES, LIST_NETWORKS, LIST_VOLUMES };
	static const char *const one[] = { "image", "network", "volume" };

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		const struct list *list = &rule->lists[kinds[k]];
		size_t i = 0;

		while (i < list->count && !list_item_is_id(kinds[k], list->items[i].text))
			i++;
		if (i == list->count)
			continue;
		findings_warning(r->findings, rule->at,
			"an id in its %s matches every %s, because any name may have this id: "
			"deny names",
			list_name(kinds[k]), one[k]);
	}
}

/* What a container has unless it drops it is in nearly every request that makes one. */
static void check_capabilities(struct review *r, const struct rule *rule)
{
	static const enum operation makers[] = { OP_CONTAINER_CREATE, OP_SERVICE_CREATE,
		OP_SERVICE_UPDATE, OP_IMAGE_BUILD };
	const struct list *list = &rule->lists[LIST_CAPABILITIES];
	struct span name = { NULL, 0 };
	size_t maker = 0;

	for (size_t i = 0; i < list->count && name.n == 0; i++)
		name = power_rules_default_capability(list->items[i].text);
	while (maker < 4 && !bit_of(rule->operations, makers[maker]))
		maker++;
	if (name.n == 0 || maker == 4 ||
		(rule->powers_given && !powerset_has(&rule->powers, POWER_CREATE)))
		return;
	findings_warning(r->findings, rule->at,
		"the rule matches every %s that does not drop %.*s: Docker gives it to each "
		"container by default",
		review_operation_name(r, makers[maker]), (int)name.n, name.s);
}

/* --- the whole ---------------------------------------------------------------------------------*/

static int allocate(struct review *r)
{
	r->decided = mem_list_alloc(&r->memory, RULE_OPERATIONS * sizeof(*r->decided));
	r->always = mem_list_alloc(&r->memory, (r->rules->count + 1) * sizeof(*r->always));
	if (!r->decided || !r->always)
		return -1;
	for (size_t o = 0; o < RULE_OPERATIONS; o++) {
		r->decided[o] = mem_list_alloc(&r->memory, r->words * sizeof(uint64_t));
		if (!r->decided[o])
			return -1;
	}
	return shape_operations(r);
}

/* complete: the file has no error, so that decisions of the whole policy mean something. */
static void check_rule(struct review *r, size_t i, bool complete, uint64_t *asked)
{
	const struct rule *rule = &r->rules->items[i];
	bool empty = true;

	for (size_t w = 0; w < r->words; w++)
		empty = empty && rule->who[w] == 0;
	if (empty && complete)
		findings_warning(r->findings, rule->at,
			"the rule matches nothing: its groups have no members");
	if (empty || !check_reached(r, i))
		return;
	for (size_t k = 0; k < LIST_COUNT; k++)
		check_list(r, rule, (enum list_kind)k);
	review_items(r, rule);
	check_conditions(r, rule);
	review_objects(r, rule);
	review_commands(r, rule);
	review_conditions(r, rule);
	if (rule->verb != RULE_DENY) {
		check_allow(r, rule);
		check_whole(r, rule);
	} else {
		check_ids(r, rule);
		check_capabilities(r, rule);
		if (rule->powers_given)
			check_deny(r, rule);
	}
	if (!complete)
		return;
	review_ways(r, rule, asked);
}

void policy_review(const struct policy *policy, struct findings *f)
{
	struct review r = { .policy = policy, .rules = policy->file_rules, .findings = f };
	bool complete = !findings_fatal(f);
	uint64_t *asked;

	r.words = bits_words(r.rules->subject_count);
	asked = mem_list_alloc(&r.memory, r.words * sizeof(*asked));
	if (!asked || allocate(&r) != 0) {
		f->lost = true;
	} else {
		for (size_t i = 0; i < r.rules->count; i++) {
			if (r.rules->items[i].flawed)
				continue;
			check_rule(&r, i, complete, asked);
			settle(&r, i);
		}
	}
	mem_list_free(&r.memory);
}
