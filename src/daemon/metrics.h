/*
 * Counters for monitoring. Only the event loop's thread counts, so nothing is locked. The memory is
 * fixed: names that come from a policy file are bounded in number and length.
 */
#ifndef DSP_METRICS_H
#define DSP_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "dsp/core/record/decision_event.h"
#include "metrics_tab.h"

enum {
	METRICS_NAME_ROOM = 104,
	METRICS_RULES = 256,
	METRICS_SUBJECTS = 68, /* 64 users, and four for others */
	METRICS_FOUND = 64,    /* cache: rules whose place is known */
	METRICS_WORDS = 20,
	METRICS_BUCKETS = 16,
};

enum metrics_verdict { METRICS_ALLOW, METRICS_DENY, METRICS_MONITORED, METRICS_VERDICTS };

/* Why a request could not be decided by the policy alone. */
enum metrics_doubt {
	DOUBT_UNROUTABLE,
	DOUBT_UNREADABLE,
	DOUBT_MOUNT_TIMEOUT,
	DOUBT_OBJECT,
	DOUBT_QUESTION,
	DOUBT_REPEATED,
	DOUBT_FAILURE,
	DOUBTS
};

typedef uint64_t metrics_counts[METRICS_VERDICTS];

struct metrics_name {
	char name[METRICS_NAME_ROOM]; /* printable, cut; empty: this place is free */
	metrics_counts counts;
};

/* Where a rule of one generation is counted; that never changes. */
struct metrics_found {
	const struct rule *rule;
	unsigned generation;
	uint64_t *counts;
};

struct metrics {
	uint64_t start_us;                              /* since 1970 */
	uint64_t last_us;                               /* the last request; 0: none */
	metrics_counts operations[OPERATION_COUNT + 2]; /* the last two: unknown, none */
	const char *deciders[METRICS_WORDS];            /* in the order in which they first came */
	metrics_counts decided[METRICS_WORDS];
	metrics_counts powers[POWER_COUNT];
	/* The last one is for all that have no place. */
	struct metrics_name rules[METRICS_RULES];
	struct metrics_name subjects[METRICS_SUBJECTS];
	struct metrics_found found[METRICS_FOUND];
	uint64_t would_deny;
	uint64_t doubts[DOUBTS];
	uint64_t buckets[METRICS_BUCKETS]; /* not cumulative; the last one has no bound */
	uint64_t duration_us;              /* the sum */
	uint64_t lookups;                  /* decisions that waited for look-ups */
	uint64_t lookup_us;                /* the sum */
	uint64_t reloads[2];               /* failed, ok */
};

/* The caller frees it with mem_free. NULL without memory. */
struct metrics *metrics_new(void) __attribute__((warn_unused_result));

/* Counts a decision, or a refusal without one. */
void metrics_decision(struct metrics *m, const struct decision_event *e);

/* The upper bounds of the buckets but the last, in microseconds. */
const uint32_t *metrics_bounds(void);

#endif
