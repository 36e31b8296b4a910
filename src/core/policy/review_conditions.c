#include "dsp/core/base/text.h"
#include "dsp/core/policy/conditions.h"
#include "dsp/core/policy/decide.h"
#include "review.h"

/* --- starts of the old form --------------------------------------------------------------------*/

/*
 * The body of a start is a HostConfig to dockerd before 25, and no condition holds of it. A rule
 * without conditions that allows it undoes what a create must have.
 */
static void check_starts(struct review *r, const struct rule *rule)
{
	struct facts facts = { .route = r->shapes[OP_CONTAINER_START].route,
		.plain_name = true,
		.reading = READING_EXACT,
		.hypothetical = true };
	char name[SHOWN];
	char other[SHOWN];

	if (rule->verb == RULE_DENY || !bit_of(rule->operations, OP_CONTAINER_CREATE))
		return;
	facts.powers = route_powers(facts.route);
	powerset_add(&facts.powers, POWER_CREATE);
	for (size_t id = 0; id < r->rules->subject_count; id++) {
		struct subject subject = subject_at(r->rules, id);
		struct decision d;

		if (!bit_of(rule->who, id))
			continue;
		d = decide(r->policy, &subject, &facts, NULL);
		if (d.verdict != VERDICT_ALLOW || !d.rule || d.rule->conditions || d.monitored)
			continue;
		text_escape(r->rules->subjects[id], name, sizeof(name));
		text_escape(d.rule->name, other, sizeof(other));
		findings_warning(r->findings, rule->at,
			"%s can avoid its conditions by a start with a body, which dockerd before 25 "
			"takes: rule \"%s\" allows container_start with create",
			name, other);
		return;
	}
}

/* --- what is never met -------------------------------------------------------------------------*/

/* A service has no such field, so that no service meets the key. */
static void check_services(struct review *r, const struct rule *rule)
{
	bool service = bit_of(rule->operations, OP_SERVICE_CREATE) ||
		bit_of(rule->operations, OP_SERVICE_UPDATE);

	for (size_t k = 0; service && k < CONDITION_COUNT; k++) {
		if (!rule->conditions->of[k].given || condition_info((enum condition)k)->service)
			continue;
		findings_warning(r->findings, rule->at,
			"its %s is never met by a service, which has no such setting",
			condition_info((enum condition)k)->name);
	}
}

/* Whether a word of a list is one of another list. */
static bool has_word(const struct condition_bound *bound, const struct condition_word *word)
{
	for (size_t i = 0; i < bound->count; i++) {
		if (span_equal(bound->words[i].text, word->text) &&
			span_equal(bound->words[i].key, word->key))
			return true;
	}
	return false;
}

/* What is dropped may not be added: a capability that stands in both is useless in cap_add. */
static void check_capabilities(struct review *r, const struct rule *rule)
{
	const struct condition_bound *add = &rule->conditions->of[CONDITION_CAP_ADD];
	const struct condition_bound *drop = &rule->conditions->of[CONDITION_CAP_DROP];
	char text[SHOWN];

	for (size_t i = 0; add->given && drop->given && i < add->count; i++) {
		if (!has_word(drop, &add->words[i]))
			continue;
		text_escape(add->words[i].text, text, sizeof(text));
		findings_warning(r->findings, rule->at,
			"\"%s\" in its cap_add is never added: its cap_drop has it too", text);
	}
}

/* The memory limit of a container is at most its limit of memory and swap together. */
static void check_swap(struct review *r, const struct rule *rule)
{
	const struct condition_bound *memory = &rule->conditions->of[CONDITION_MEMORY];
	const struct condition_bound *swap = &rule->conditions->of[CONDITION_SWAP];

	if (memory->given && swap->given && swap->most > 0 && swap->most < memory->most)
		findings_warning(r->findings, rule->at,
			"its memory is never reached: its swap, which is memory and swap together, "
			"is less");
}

/* --- rules before it that require less ---------------------------------------------------------*/

/* Whether what meets one bound of a key also meets another. */
static bool implies(const struct condition_bound *strict, const struct condition_bound *weak)
{
	if (!weak->given)
		return true;
	if (!strict->given || strict->count != weak->count)
		return false;
	for (size_t i = 0; i < strict->count; i++) {
		if (!has_word(weak, &strict->words[i]) ||
			strict->words[i].most > weak->words[i].most)
			return false;
	}
	return strict->most <= weak->most;
}

/* Whether an earlier rule allows each request that a rule with conditions could allow. */
static bool allows_all_of(
	const struct review *r, const struct rule *earlier, const struct rule *rule)
{
	if (earlier->verb != RULE_ALLOW || earlier->monitor || !earlier->conditions ||
		rule->verb != RULE_ALLOW || !powerset_within(&rule->powers, &earlier->powers))
		return false;
	for (size_t k = 0; k < LIST_COUNT; k++) {
		if (earlier->lists[k].given || rule->lists[k].given)
			return false;
	}
	for (size_t w = 0; w < OPERATION_WORDS; w++) {
		if ((rule->operations[w] & ~earlier->operations[w]) != 0)
			return false;
	}
	for (size_t w = 0; w < r->words; w++) {
		if ((rule->who[w] & ~earlier->who[w]) != 0)
			return false;
	}
	for (size_t k = 0; k < CONDITION_COUNT; k++) {
		if (!implies(&rule->conditions->of[k], &earlier->conditions->of[k]))
			return false;
	}
	return true;
}

static void check_weaker(struct review *r, const struct rule *rule)
{
	char name[SHOWN];
	char other[SHOWN];

	for (const struct rule *earlier = r->rules->items; earlier < rule; earlier++) {
		if (!allows_all_of(r, earlier, rule))
			continue;
		text_escape(rule->name, name, sizeof(name));
		text_escape(earlier->name, other, sizeof(other));
		findings_warning(r->findings, rule->at,
			"rule \"%s\" never applies: rule \"%s\" before it requires no more", name,
			other);
		return;
	}
}

/* --- creates whose containers alone are listed -------------------------------------------------*/

/* Whether a rule lets its users name any thing of a kind in a create. */
static bool leaves_open(const struct rule *rule, enum list_kind kind)
{
	return rule->verb != RULE_DENY && rule->lists[LIST_CONTAINERS].given &&
		bit_of(rule->operations, OP_CONTAINER_CREATE) &&
		powerset_has(&rule->powers, POWER_CREATE) && !rule->lists[kind].given;
}

static void check_create(struct review *r, const struct rule *rule)
{
	bool volumes = leaves_open(rule, LIST_VOLUMES);
	bool networks = leaves_open(rule, LIST_NETWORKS);

	if (volumes || networks)
		findings_warning(r->findings, rule->at,
			"its containers do not bound which %s a new container uses: add %s",
			volumes && networks ? "volumes and networks"
				: volumes   ? "volumes"
					    : "networks",
			volumes && networks
				? "\"volumes\": [\"own\"], \"networks\": [\"own\", \"none\"]"
				: volumes ? "\"volumes\": [\"own\"]"
					  : "\"networks\": [\"own\", \"none\"]");
}

void review_conditions(struct review *r, const struct rule *rule)
{
	check_create(r, rule);
	if (!rule->conditions || rule->monitor)
		return;
	check_starts(r, rule);
	check_services(r, rule);
	check_capabilities(r, rule);
	check_swap(r, rule);
	check_weaker(r, rule);
}
