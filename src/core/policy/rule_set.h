/*
 * A set of rules: a bit for each, in the order of the file. Before them stands a bit for each word
 * of theirs that has one: a search in a set of 10,000 rules reads three words, and those in which a
 * rule may be.
 */
#ifndef DSP_RULE_SET_H
#define DSP_RULE_SET_H

#include "dsp/core/policy/rules.h"

/* Words at the start of each set. */
static inline size_t rule_set_heads(size_t rules)
{
	return bits_words(bits_words(rules));
}

/* Adds rule i to a set, which is made in the memory of the rules if need be. -1: no memory. */
MUST_USE static inline int rule_set_add(struct rules *rules, uint64_t **set, size_t i)
{
	size_t heads = rule_set_heads(rules->count);

	if (!*set)
		*set = mem_list_alloc(
			&rules->memory, (heads + bits_words(rules->count)) * sizeof(**set));
	if (!*set)
		return -1;
	bit_set(*set, i / 64);
	bit_set(*set + heads, i);
	return 0;
}

#endif
