/*
 * From an audit trail to settings under which what was seen is allowed and, as far as settings can
 * say it, nothing else (dsp suggest). Facts are rebuilt from lines, and decided upon by decide().
 */
#ifndef DSP_OBSERVATIONS_H
#define DSP_OBSERVATIONS_H

#include <jansson.h>

#include "dsp/audit/audit_reader.h"
#include "dsp/core/base/mem_list.h"
#include "dsp/core/policy/decide.h"
#include "dsp/core/policy/settings.h"

/* One kind of request; requests that differ in nothing that a policy can speak of are one. */
struct observation {
	char *key;
	struct facts facts;  /* its texts belong to the arena of the whole */
	struct span subject; /* as a policy's "who" has it */
	struct span method;
	struct span target;
	char known_by[24];
	uint64_t times;
	bool complete;           /* all details were in the line */
	bool subject_cut;        /* and the subject was not whole */
	const char *unallowable; /* nothing can allow it: why; or NULL */
	size_t rule;             /* of a policy: that which allows it */
};

enum {
	OBSERVATIONS_MOST = 20000,
	OBSERVATION_SLOTS = 65536,
	OBSERVATION_IDS = 4096,
	OBSERVATION_ID_ROOM = 40
};

struct observations {
	struct mem_list memory;
	struct observation **items;
	size_t count;
	uint32_t slots[OBSERVATION_SLOTS]; /* 1 + an index of items; 0: free */
	char ids[OBSERVATION_IDS]
		[OBSERVATION_ID_ROOM];              /* of the last decisions, which repeats name */
	struct observation *named[OBSERVATION_IDS]; /* what these were; NULL: not of interest */
	size_t next_id;
	uint64_t requests; /* with repeats */
	uint64_t denied;   /* really: left out, but where they are asked for */
	uint64_t monitored;
	uint64_t dropped;
	uint64_t orphan_repeats;  /* repeats of lines that are not there */
	uint64_t cut;             /* lines with texts or details that are not whole */
	unsigned truncated_lines; /* lines that were cut off */
	bool include_denied;
	bool mixed_profiles; /* lines of more than one profile */
	char profile[16];
	char first[32];
	char last[32];
	json_t *notes; /* what a person must know, a string each */
};

/* Takes one line of a trail. -1 and e: no memory, or more than is bearable. */
MUST_USE int observations_add(
	struct observations *all, const struct audit_entry *l, const char *user, struct err *e);
void observations_free(struct observations *all);

/* Adds a note. */
void observations_note(struct observations *all, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* "container_create (host_mounts) by alice, 3 times", for a person. */
void observation_write(const struct observation *s, char *out, size_t cap);

/* The subject that asks. */
struct subject observation_subject(const struct observation *s, const struct rules *rules);

/* What is to be made. */
struct learn_options {
	enum profile profile;
	struct powerset accepted;
	const json_t *users; /* of the policy file in force, or NULL */
	bool exact;          /* lists are not widened */
};

/* The least flags. refused: direct ways to root that they open and nobody has accepted. */
MUST_USE int learn_flags(struct observations *all, const struct learn_options *w, json_t **ret,
	struct powerset *refused, struct err *e);

/* The same as a policy file. */
MUST_USE int learn_policy(struct observations *all, const struct learn_options *w, json_t **ret,
	struct powerset *refused, struct err *e);

/*
 * Tests for dsp test: what was seen is allowed, and what was not is denied, each tried under
 * policy (a policy file) before it is written. -1 and e.
 */
MUST_USE int learn_tests(struct observations *all, const struct learn_options *w, json_t *policy,
	json_t **ret, struct err *e);

#endif
