/* Whether a rule of the policy file matches a request, and if not, why. */
#ifndef DSP_RULE_MATCH_H
#define DSP_RULE_MATCH_H

#include "dsp/core/facts/facts.h"
#include "dsp/core/policy/conditions.h"
#include "dsp/core/policy/rules.h"

enum match_result {
	MATCH_YES,
	MATCH_NOT_SUBJECT,
	MATCH_NOT_OPERATION,
	MATCH_NOT_POWERS, /* allow: it does not grant each power asked for; deny: none of its is */
	MATCH_NOT_LIST,   /* allow: a list does not cover an item; deny: it touches none */
	MATCH_NOT_CONDITIONS, /* allow: one is not met; deny: all are */
};

struct rule_match {
	enum match_result result;
	struct powerset missing;      /* MATCH_NOT_POWERS of an allow rule */
	enum list_kind list;          /* MATCH_NOT_LIST */
	const struct attribute *item; /* of an allow rule's list, or NULL; borrowed from facts */
	struct condition_verdict condition; /* of the rule's conditions, where it has any */
};

/*
 * Matches rule r with a request of subject (a number of the rules) for these facts and powers,
 * which are those of decide_powers.
 */
struct rule_match rule_match(const struct rule *r, size_t subject, const struct facts *facts,
	const struct powerset *powers);

/* Whether one of the words of an allow rule's list covers an item, for this subject. */
bool rule_list_covers(const struct list *list, enum list_kind k, size_t subject,
	const struct facts *facts, const struct attribute *d);

/*
 * Whether a request may name things that a list of this kind speaks of, in what dsp is not shown:
 * then no allow list covers it.
 */
bool rule_list_is_blind(enum list_kind k, const struct facts *facts);

#endif
