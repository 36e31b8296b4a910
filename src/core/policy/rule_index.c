/*
 * Which rules are for a subject, and which for an operation: a bit for each rule, in the order of
 * the file. A decision looks only at rules that are in both sets.
 */
#include "dsp/core/base/mem_list.h"
#include "dsp/core/policy/rules.h"

struct rule_index {
	unsigned kinds; /* rules_compared_kinds */
	size_t words;   /* of each set */
	uint64_t *operations[RULE_OPERATIONS];
	uint64_t *all;       /* rules for every subject */
	uint64_t **subjects; /* of each: its other rules; NULL: none */
};

static unsigned compared_kinds(const struct rules *rules)
{
	unsigned kinds = 0;

	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *r = &rules->items[i];

		for (size_t k = 0; k < r->lists[LIST_MOUNTS].count; k++) {
			if (r->lists[LIST_MOUNTS].items[k].read_only)
				kinds |= COMPARES_READ_ONLY;
		}
		if (r->lists[LIST_DEVICES].given)
			kinds |= 1u << ATTRIBUTE_DEVICE;
		if (r->verb == RULE_DENY && r->lists[LIST_MOUNTS].given)
			kinds |= 1u << ATTRIBUTE_MOUNT;
		if (r->verb == RULE_DENY && r->lists[LIST_VOLUMES].given)
			kinds |= 1u << ATTRIBUTE_VOLUME;
		if (r->verb == RULE_DENY && r->lists[LIST_NETWORKS].given)
			kinds |= 1u << ATTRIBUTE_NETWORK;
	}
	return kinds;
}

unsigned rules_compared_kinds(const struct rules *rules)
{
	if (!rules)
		return 0;
	return rules->index ? rules->index->kinds : compared_kinds(rules);
}

static bool is_for_all(const struct rules *rules, const struct rule *r)
{
	size_t whole = rules->subject_count / 64;

	for (size_t w = 0; w < whole; w++) {
		if (r->who[w] != ~(uint64_t)0)
			return false;
	}
	for (size_t i = whole * 64; i < rules->subject_count; i++) {
		if (!bit_of(r->who, i))
			return false;
	}
	return true;
}

/* Adds rule i to a set, which is made if need be. -1: no memory. */
static int add(struct rules *rules, uint64_t **set, size_t i)
{
	if (!*set)
		*set = mem_list_alloc(&rules->memory, bits_words(rules->count) * sizeof(**set));
	if (!*set)
		return -1;
	bit_set(*set, i);
	return 0;
}

static int add_subjects(struct rules *rules, struct rule_index *index, size_t i)
{
	const struct rule *r = &rules->items[i];

	if (is_for_all(rules, r))
		return add(rules, &index->all, i);
	for (size_t w = 0; w < bits_words(rules->subject_count); w++) {
		for (uint64_t rest = r->who[w]; rest; rest &= rest - 1) {
			size_t subject = w * 64 + (size_t)__builtin_ctzll(rest);

			if (add(rules, &index->subjects[subject], i) != 0)
				return -1;
		}
	}
	return 0;
}

int rules_index(struct rules *rules)
{
	struct rule_index *index = mem_list_alloc(&rules->memory, sizeof(*index));

	if (!index)
		return -1;
	index->kinds = compared_kinds(rules);
	index->words = bits_words(rules->count);
	index->subjects = mem_list_alloc(
		&rules->memory, (rules->subject_count + 1) * sizeof(*index->subjects));
	if (!index->subjects)
		return -1;
	for (size_t i = 0; i < rules->count; i++) {
		if (add_subjects(rules, index, i) != 0)
			return -1;
		for (size_t o = 0; o < RULE_OPERATIONS; o++) {
			if (bit_of(rules->items[i].operations, o) &&
				add(rules, &index->operations[o], i) != 0)
				return -1;
		}
	}
	rules->index = index;
	return 0;
}

/* Rules 64 w and on that are for the subject and the operation. */
static uint64_t find_word(
	const struct rule_index *index, size_t subject, size_t operation, size_t w)
{
	const uint64_t *own = index->subjects[subject];
	uint64_t set = (own ? own[w] : 0) | (index->all ? index->all[w] : 0);

	return index->operations[operation] ? set & index->operations[operation][w] : 0;
}

size_t rules_next(const struct rules *rules, size_t subject, size_t operation, size_t from)
{
	size_t count = rules ? rules->count : 0;
	uint64_t before = ((uint64_t)1 << from % 64) - 1;

	if (from < count && rules->index) {
		for (size_t w = from / 64; w < rules->index->words; w++) {
			uint64_t set = find_word(rules->index, subject, operation, w) & ~before;

			if (set)
				return w * 64 + (size_t)__builtin_ctzll(set);
			before = 0;
		}
		return count;
	}
	while (from < count &&
		!(bit_of(rules->items[from].who, subject) &&
			bit_of(rules->items[from].operations, operation)))
		from++;
	return from < count ? from : count;
}
