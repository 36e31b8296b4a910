/*
 * What a request says of the fields that conditions are about, in few words: as the audit log
 * records it, so that conditions can be compared with requests that are gone.
 */
#ifndef DSP_CONDITION_FACTS_H
#define DSP_CONDITION_FACTS_H

#include "dsp/core/policy/conditions.h"

enum condition_fact {
	FACT_MEMORY, /* bytes; 0: not limited */
	FACT_CPUS,   /* billionths; 0: not limited */
	FACT_PIDS,   /* 0: not limited */
	FACT_USER,   /* an enum condition_user */
	FACT_READ_ONLY,
	FACT_NO_NEW_PRIVILEGES,
	FACT_DROPS_ALL, /* all capabilities are dropped, and none is added */
	FACT_PINNED,    /* an enum condition_pin */
};
enum { FACT_COUNT = FACT_PINNED + 1 };

/* A name may be root's; a uid is above 0. */
enum condition_user { CONDITION_USER_NONE, CONDITION_USER_NAME, CONDITION_USER_UID };
enum condition_pin { CONDITION_PIN_NONE, CONDITION_PIN_TAG, CONDITION_PIN_DIGEST };

/* -1: the request says nothing of it: it has no such field, or an update leaves it as it is. */
struct condition_facts {
	int64_t of[FACT_COUNT];
};

/* "memory", "cpus", ...: the key in the audit log. */
const char *condition_fact_name(enum condition_fact fact);

/* A value as a word: "uid", "digest", "true"; NULL: it is a number. */
const char *condition_fact_word(enum condition_fact fact, int64_t value);

/* Whether requests of this operation can say something of it. */
bool condition_fact_is_carried(size_t operation, enum condition_fact fact);

/* Reads them in a request. False: it says nothing of any. */
bool condition_facts_read(const struct facts *facts, struct condition_facts *ret);

/*
 * Whether a request of which this is known (facts->recorded) meets a key. What is not known is met:
 * *sure is false then.
 */
enum condition_state condition_facts_judge(
	const struct facts *facts, const struct conditions *c, enum condition key, bool *sure);

/*
 * Parses "memory=1g,user=1000,read_only": what is not there is not given. -1 and e.
 */
MUST_USE int condition_facts_parse(struct span text, struct condition_facts *ret, struct err *e);

#endif
