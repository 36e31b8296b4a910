/* Of which things dockerd is asked what they are: only where a rule of the policy compares it. */
#include "dsp/core/policy/conditions.h"
#include "dsp/core/policy/escalation.h"
#include "dsp/core/policy/rule_index.h"
#include "policy_parser.h"

/* Whether a rule of no lists allows, or denies, every request of an operation. */
static bool settles(const struct rule *r, size_t operation, const struct powerset *possible)
{
	if (rule_has_lists(r) || r->monitor || !bit_of(r->operations, operation))
		return false;
	return r->verb == RULE_DENY ? !r->powers_given : powerset_within(possible, &r->powers);
}

void rules_settle(struct rules *rules)
{
	struct powerset possible[RULE_OPERATIONS] = { { { 0 } } };
	size_t count;
	const struct route *route = route_rows(&count);

	if (rules->asks_about == 0)
		return;
	powerset_add(&possible[OPERATION_COUNT], POWER_UNKNOWN);
	for (; count > 0; count--, route++) {
		struct powerset powers = escalation_possible_powers(route);

		powerset_add_all(&possible[route->operation], &powers);
	}
	for (size_t i = 0; i < rules->count; i++) {
		struct rule *r = &rules->items[i];

		for (size_t o = 0; o < RULE_OPERATIONS; o++) {
			if (settles(r, o, &possible[o]))
				bit_set(r->settled, o);
		}
	}
}

/* Its words in lists ask; its commands ask about what is there to be started. */
static unsigned asks_about(const struct rule *r, size_t operation)
{
	bool commands = r->conditions && r->conditions->of[CONDITION_COMMANDS].given;

	return r->asks_about |
		(commands && condition_compares_command(operation) ? 1u << ATTRIBUTE_CONTAINER : 0);
}

/* monitors: of the rules that only record, too. */
static unsigned ask_about(
	const struct rules *rules, size_t subject, size_t operation, bool monitors)
{
	unsigned kinds = 0;

	if (!rules || rules->asks_about == 0)
		return 0;
	for (size_t i = rules_next(rules, subject, operation, 0); i < rules->count;
		i = rules_next(rules, subject, operation, i + 1)) {
		if (bit_of(rules->items[i].settled, operation) || kinds == rules->asks_about)
			break;
		if (monitors || !rules->items[i].monitor)
			kinds |= asks_about(&rules->items[i], operation);
	}
	return kinds;
}

unsigned rules_ask_about(const struct rules *rules, size_t subject, size_t operation)
{
	return ask_about(rules, subject, operation, true);
}

bool rules_decide_by_objects(const struct rules *rules, size_t subject, size_t operation)
{
	return ask_about(rules, subject, operation, false) != 0;
}

unsigned rules_root_asks_about(const struct rules *rules, size_t subject, size_t operation)
{
	if (!rules || !rules->asks_root)
		return 0;
	for (size_t i = rules_next(rules, subject, operation, 0); i < rules->count;
		i = rules_next(rules, subject, operation, i + 1)) {
		if (rules->items[i].verb == RULE_ASK && !rules->items[i].monitor)
			return 1u << ATTRIBUTE_CONTAINER | 1u << ATTRIBUTE_IMAGE;
	}
	return 0;
}

bool rules_may_ask(const struct rules *rules, size_t subject)
{
	for (size_t i = 0; rules && rules->asks_root && i < rules->count; i++) {
		const struct rule *r = &rules->items[i];

		if (r->verb == RULE_ASK && !r->monitor && bit_of(r->who, subject))
			return true;
	}
	return false;
}

bool rules_speak_of_owners(const struct rules *rules)
{
	return rules && rules->speaks_of_owners;
}
