/*
 * Conditions on what a request makes: "require" of an allow rule and "unless" of a deny rule, such
 * as a memory limit or a user that is not root. The keys are the rows of require.tab. All that are
 * given must be met: there is no or, no not.
 */
#ifndef DSP_CONDITIONS_H
#define DSP_CONDITIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsp/core/base/mem_list.h"
#include "dsp/core/base/text.h"
#include "dsp/core/facts/facts.h"
#include "dsp/core/policy/image_list.h"
#include "dsp/core/policy/rules.h"
#include "require_tab.h"
#include "routes_tab.h"

/* How the value of a key is written. */
enum condition_value {
	CONDITION_VALUE_SIZE,   /* "512m": bytes */
	CONDITION_VALUE_SWAP,   /* a size, or "none" */
	CONDITION_VALUE_CPUS,   /* 1.5 */
	CONDITION_VALUE_COUNT,  /* 100 */
	CONDITION_VALUE_NUMBER, /* the same, or 0 */
	CONDITION_VALUE_FLAG,   /* true */
	CONDITION_VALUE_WORDS,  /* a word, or a list of words */
	CONDITION_VALUE_LABELS,
	CONDITION_VALUE_LIMITS,   /* an object of numbers */
	CONDITION_VALUE_PIN,      /* "tag", "digest" */
	CONDITION_VALUE_COMMANDS, /* a list of lists of words */
};

/* A row of require.tab. Fields are paths in a body, in lower case; NULL: there is none. */
struct condition_info {
	const char *name;
	enum condition_value value;
	const char *create, *update, *service;
	unsigned service_since; /* 41: the field counts in API 1.41 and later; 0: always */
	struct {
		enum operation operation; /* OPERATION_COUNT: none */
		const char *field;
	} others[4];
	const char *run, *compose; /* what meets it, of docker run and in a compose file */
	const char *missing, *beyond, *give; /* words of a denial */
	const char *what;
};

const struct condition_info *condition_info(enum condition key);

/* A word of a key's value. */
struct condition_word {
	struct span key;  /* of labels and ulimits: the name; else empty */
	struct span text; /* of labels: one of its values; of ulimits: empty */
	/* Of ulimits; of restart: how many times, 0: any; of commands: the command's number. */
	int64_t most;
};

enum { CONDITION_WORDS_MOST = 32 }; /* of DSP_REQUIRE */

struct condition_bound {
	bool given;   /* else it allows no value, where another key implies it */
	int64_t most; /* bytes, billionths of a CPU, a count; 0 where words say it */
	size_t count;
	const struct condition_word *words;
	const struct image_list *list; /* of pinned, where it names a file; or NULL */
};

struct conditions {
	struct condition_bound of[CONDITION_COUNT];
	const struct span *subjects; /* their names, for "$user"; NULL: it is nobody's */
};

/* Why a request does not meet a key. */
enum condition_state {
	CONDITION_MET,
	CONDITION_MISSING,  /* it does not give the field, or a value that means none */
	CONDITION_BEYOND,   /* it gives another value, or one that dockerd may read otherwise */
	CONDITION_NEVER,    /* what it makes has no such field */
	CONDITION_TOO_OLD,  /* dockerd drops the field for its API version, or may do so */
	CONDITION_REPLACED, /* what it makes stands elsewhere: a rollback, an old form of start */
};

struct condition_verdict {
	enum condition key; /* the first that is not met; CONDITION_COUNT: all are met */
	enum condition_state state;
};

/*
 * Compares a request of subject with conditions (NULL: none). Keys that do not concern its
 * operation are met. Of a hypothetical request all are: it stands for any that a client can send.
 */
struct condition_verdict conditions_judge(
	const struct conditions *c, const struct facts *facts, size_t subject);

/* Whether a request of this operation can fail to meet a key. */
bool condition_concerns(enum condition key, size_t operation);

/*
 * Whether a request of this operation runs what is there already: its command is that of its
 * object_info.
 */
bool condition_compares_command(size_t operation);

/* Adds the value of a key, as a policy file has it: "2g", "red or blue", "true". */
void condition_write_value(const struct conditions *c, enum condition key, struct line *l);

/* Adds every key: "memory 2g, user non-root". */
void conditions_write(const struct conditions *c, struct line *l);

/* Adds what is wrong: "memory is not limited". */
void condition_write_state(
	const struct condition_verdict *v, const struct facts *facts, struct line *l);

/* Adds what meets the key: "give at most 4g: docker run --memory, compose mem_limit". */
void condition_write_give(const struct conditions *c, const struct condition_verdict *v,
	const struct facts *facts, struct line *l);

#endif
