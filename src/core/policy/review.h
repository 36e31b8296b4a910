/* What the halves of a policy's review share: rules that say nothing, and ways around rules. */
#ifndef DSP_REVIEW_H
#define DSP_REVIEW_H

#include "dsp/core/base/mem_list.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/findings.h"
#include "dsp/core/policy/policy.h"

enum {
	OPERATION_WORDS = (RULE_OPERATIONS + 63) / 64,
	SHOWN = 32, /* bytes of a name in a finding */
};

/* What requests of one operation can ask for. */
struct shape {
	const struct route *route;   /* the first of its routes; NULL: the table does not know it */
	struct powerset always;      /* every request asks for these powers */
	struct powerset possible;    /* a request can ask for these */
	bool lists[LIST_COUNT];      /* a list of this kind can matter */
	bool asked;                  /* the next two are known */
	bool open;                   /* anonymous may do it */
	struct powerset open_powers; /* also with one of these powers */
};

struct review {
	const struct policy *policy;
	const struct rules *rules;
	struct findings *findings;
	struct mem_list memory;
	size_t words; /* of a set of subjects */
	struct shape *shapes;
	/* Of each operation: the subjects for whom an earlier rule matches every request. */
	uint64_t **decided;
	/* Of each rule: the operations of which it matches every request. */
	uint64_t (*always)[OPERATION_WORDS];
};

/* The name of an operation; of the one that the table does not know too. */
const char *review_operation_name(const struct review *r, size_t operation);

/*
 * Reports how subjects get around a rule, or what it covers less than it says. asked: subjects that
 * cannot take an image's name, as was found for an earlier rule.
 */
void review_ways(struct review *r, const struct rule *rule, uint64_t *asked);

/* Reports words of containers, networks and volumes that cannot mean what they say. */
void review_objects(struct review *r, const struct rule *rule);

/* Reports conditions that are never met, bound nothing or can be avoided. */
void review_conditions(struct review *r, const struct rule *rule);

/*
 * Writes of the rule's items that name nothing, in a way that looks as if they did, the one before
 * which n others stand. False: there are not so many.
 */
bool review_odd_item(const struct rule *rule, size_t n, struct line *l);

/* Reports all of these. */
void review_items(struct review *r, const struct rule *rule);

/* Reports commands of its conditions that allow more than they seem to. */
void review_commands(struct review *r, const struct rule *rule);

#endif
