/* Finds the rules for a user and an operation, and those that may match a request. */
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

enum {
	KEY_KINDS = 5, /* of lists by which rules are found (rule_keys.h) */
	KEY_NUMBERS_MOST = 64,
};

/* A part of the numbers of struct key_choice, in which they ascend. */
struct rule_numbers {
	uint32_t next;
	uint32_t end;
	uint32_t place; /* rules in closed sets before this place are not meant */
};

/*
 * Which of the rules what a request names leaves: those in an open set and in no closed one, and
 * those whose numbers are in a part.
 */
struct key_choice {
	size_t open_count;
	const uint64_t *open[2 * KEY_KINDS + 1];
	size_t closed_count;
	const uint64_t *closed[2 * KEY_KINDS];
	const uint32_t *numbers;
	size_t part_count;
	struct rule_numbers parts[KEY_NUMBERS_MOST];
};

/* Which of the rules a request's powers leave, and what it names. */
struct rule_choice {
	size_t allow_count;
	const uint64_t *allows[POWER_COUNT + 1]; /* an allow rule is in all of these sets */
	size_t deny_count;
	const uint64_t *denies[POWER_COUNT + 1]; /* a deny rule in one of these */
	bool keyed;                              /* the rules must be in names too */
	struct key_choice names;
};

/*
 * Chooses, for rules_next_chosen, the rules that may match a request with these facts, which asks
 * for these powers; a deny rule is compared with `possible`: powers, and what else the request may
 * ask for. What is found of the facts' mounts and objects must be in them.
 */
void rules_choose(const struct rules *rules, const struct facts *facts,
	const struct powerset *powers, const struct powerset *possible, struct rule_choice *ret);

/* As rules_next, of the chosen rules; from does not descend in the calls for one choice. */
size_t rules_next_chosen(const struct rules *rules, size_t subject, size_t operation,
	struct rule_choice *chosen, size_t from);

/* As rules_next, of the rules without lists and conditions that are not in monitor mode. */
size_t rules_next_plain(const struct rules *rules, size_t subject, size_t operation, size_t from);

#endif
