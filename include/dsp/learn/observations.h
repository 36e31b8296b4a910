/*
 * What an audit log shows of the requests on a host, and settings made from it: those that allow
 * what was observed and, as far as settings can say it, nothing else (dsp suggest). Facts are
 * rebuilt from the log's lines; decide() decides about them, as it does in the daemon.
 */
#ifndef DSP_OBSERVATIONS_H
#define DSP_OBSERVATIONS_H

#include <jansson.h>

#include "dsp/audit/audit_reader.h"
#include "dsp/core/base/mem_list.h"
#include "dsp/core/policy/condition_facts.h"
#include "dsp/core/policy/decide.h"
#include "dsp/core/policy/settings.h"

/* Requests that no policy can tell apart are one observation. */
struct observation {
	char *key;                         /* all that a policy can tell apart, as one text */
	struct facts facts;                /* its texts belong to the observations' memory */
	struct condition_facts conditions; /* what facts.recorded points to */
	struct span subject;               /* as "who" in a policy file names it */
	struct span method;
	struct span target;
	char known_by[24]; /* how dsp identified the subject: "certificate", ... */
	uint64_t times;
	bool complete;    /* the line had all details, none of them cut */
	bool subject_cut; /* the line had only the beginning of the subject */
	/* Of the containers that it named, in all its lines, as keys; NULL: none. */
	json_t *names;
	json_t *owners;          /* as far as the log says */
	bool unnamed;            /* a line has an id alone, or no name */
	const char *unallowable; /* why no settings can allow it; NULL: some can */
	size_t rule;             /* the place of the rule that allows it, in a policy draft */
};

enum {
	OBSERVATIONS_MOST = 20000,
	OBSERVATION_SLOTS = 65536,
	OBSERVATION_IDS = 4096, /* a repeat names one of so many decisions before it */
};

struct observations {
	struct mem_list memory;
	struct observation **items;
	size_t count;
	struct observation *slots[OBSERVATION_SLOTS]; /* a hash table of items by their key */
	struct {
		char id[40];
		struct observation *of; /* NULL: a decision that is left out */
	} recent[OBSERVATION_IDS];      /* a ring of the last decisions */
	size_t recent_count;
	uint64_t requests; /* with repeats */
	uint64_t denied;   /* left out unless include_denied is set */
	uint64_t monitored;
	uint64_t dropped;         /* lines that dsp could not write */
	uint64_t orphan_repeats;  /* repeats of a line that the log does not have */
	uint64_t cut;             /* lines with cut texts or without some details */
	unsigned truncated_lines; /* lines without their end: dsp or the host died */
	bool include_denied;      /* set by the caller before the first observations_add */
	bool mixed_profiles;
	char profile[16]; /* of the last decision */
	char first[32];   /* the earliest and the latest time */
	char last[32];
	json_t *notes; /* strings: what the user must know about the result */
};

/* NULL: out of memory. Ends with observations_free. */
struct observations *observations_new(void);

/* NULL is fine. */
void observations_free(struct observations *all);

/*
 * Adds one line of an audit log; of decisions only those about user, if it is not NULL. -1 and e:
 * out of memory, or more than OBSERVATIONS_MOST.
 */
MUST_USE int observations_add(
	struct observations *all, const struct audit_entry *l, const char *user, struct err *e);

void observations_note(struct observations *all, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Writes "container_create by alice, 3 times (POST /containers/create)", for the user. */
void observation_write(const struct observation *s, char *out, size_t cap);

/*
 * What the line lacks for a decision by this policy: details, the end of the subject, or what its
 * conditions compare, such as labels. NULL: nothing.
 */
const char *observation_doubt(const struct observation *s, const struct policy *policy);

/* The subject as decide() wants it. rules: of a policy file, or NULL. */
struct subject observation_subject(const struct observation *s, const struct rules *rules);

struct learn_options {
	enum profile profile;
	struct powerset accepted; /* direct ways to root that may be opened */
	const json_t *users;      /* "users" of a policy file, or NULL; borrowed */
	bool exact;               /* do not widen lists */
	bool require;             /* give rules the conditions that their requests met */
	const char *containers;   /* a word for lists of containers, "name"; NULL: no such lists */
};

/*
 * The fewest flags that allow the observations, as a list of {"name", "for"}; the caller owns *ret,
 * also after -1. *refused: direct ways to root that the flags open and the options do not accept.
 * Marks observations that no flags allow, and adds notes. -1 and e: there are no such flags.
 */
MUST_USE int learn_flags(struct observations *all, const struct learn_options *w, json_t **ret,
	struct powerset *refused, struct err *e);

/* The same as a policy file with the fewest rules and items. *ret is set only with 0. */
MUST_USE int learn_policy(struct observations *all, const struct learn_options *w, json_t **ret,
	struct powerset *refused, struct err *e);

/*
 * Tests for dsp test, as a list: the observations are allowed, and requests that were not observed
 * are denied. Only tests that hold under policy (a policy file) are in it. The caller owns *ret,
 * also after -1. -1 and e: policy is not valid.
 */
MUST_USE int learn_tests(struct observations *all, const struct learn_options *w, json_t *policy,
	json_t **ret, struct err *e);

#endif
