/* Finds the rules for a user and an operation, and those that a request's powers leave. */
#ifndef DSP_RULE_INDEX_H
#define DSP_RULE_INDEX_H

#include "dsp/core/policy/rules.h"

/*
 * Makes the index; the rules do not change after it. It takes up to a bit for each rule and
 * subject, and for each rule and operation. -1: no memory.
 */
MUST_USE int rules_index(struct rules *rules);

/*
 * The first rule from `from` on that is for this subject and this operation (OPERATION_COUNT: one
 * that dsp does not know); rules->count: there is none. All others would be MATCH_NOT_SUBJECT or
 * MATCH_NOT_OPERATION. rules may be NULL: 0.
 */
size_t rules_next(const struct rules *rules, size_t subject, size_t operation, size_t from);

/* Which of the rules a request's powers leave. */
struct rule_choice {
	size_t allow_count;
	const uint64_t *allows[POWER_COUNT + 1]; /* an allow rule is in all of these sets */
	size_t deny_count;
	const uint64_t *denies[POWER_COUNT + 1]; /* a deny rule in one of these */
};

/*
 * Chooses, for rules_next_chosen, the rules that may match a request that asks for these powers; a
 * deny rule is compared with `possible`: powers, and what else the request may ask for.
 */
void rules_choose(const struct rules *rules, const struct powerset *powers,
	const struct powerset *possible, struct rule_choice *ret);

/* As rules_next, of the chosen rules. */
size_t rules_next_chosen(const struct rules *rules, size_t subject, size_t operation,
	const struct rule_choice *chosen, size_t from);

/* As rules_next, of the rules without lists and conditions that are not in monitor mode. */
size_t rules_next_plain(const struct rules *rules, size_t subject, size_t operation, size_t from);

#endif
