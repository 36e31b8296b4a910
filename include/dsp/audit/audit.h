/*
 * The audit trail: a line for each decision that is to be logged, written by a thread of its own,
 * so that no decision waits for a disk. Every decision is counted as one of: not to be logged,
 * waiting, written, folded into the count of a line before it, dropped.
 */
#ifndef DSP_AUDIT_H
#define DSP_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "dsp/core/policy/audit_settings.h"
#include "dsp/core/record/audit_record.h"

struct audit;

struct audit_counts {
	uint64_t decisions; /* all that were made */
	uint64_t unlogged;
	uint64_t waiting;
	uint64_t written;
	uint64_t folded;
	uint64_t dropped;
};

/* What dockerd told of what became of requests, by what it could be told of. */
enum audit_outcome {
	OUTCOME_EXACT,     /* one decision */
	OUTCOME_AMBIGUOUS, /* one of several that are alike */
	OUTCOME_UNKNOWN,   /* no decision that is known */
	OUTCOME_UNREADABLE,
	AUDIT_OUTCOMES
};

struct audit_state {
	struct audit_settings settings;
	enum audit_to to; /* where it goes really */
	struct audit_counts counts;
	uint64_t outcomes[AUDIT_OUTCOMES];
	size_t queued;     /* lines */
	char trouble[256]; /* why nothing is written now; empty: nothing is wrong */
};

/* NULL and e. Nothing is written before audit_start. */
struct audit *audit_new(const struct audit_settings *settings, struct err *e)
	__attribute__((warn_unused_result));

/* Starts the thread: after all that a thread should inherit. */
MUST_USE int audit_start(struct audit *a, struct err *e);

/* Other settings; a file is opened anew in any case. */
void audit_configure(struct audit *a, const struct audit_settings *settings);

/*
 * Queues a line for a decision, if the settings want one. Returns NULL, or why what the event allows
 * must be denied: the log must keep it (DSP_AUDIT_FULL=deny) and cannot. The line, if it finds room,
 * then says so.
 */
const struct refusal *audit_decision(struct audit *a, const struct decision_event *e);

/*
 * What became of a request, for a trail that wants it; decision and pair are for the line, and not
 * to be used. NULL: dockerd told it in a way that cannot be read.
 */
void audit_outcome(struct audit *a, struct request_outcome *o);

/* Whether outcomes are of use at all. */
bool audit_wants_outcomes(struct audit *a);

/* dockerd has started anew: of what it had in hand it will tell nothing more. */
void audit_dockerd_restarted(struct audit *a);

/* Whether the trail goes where dsp's lines for persons go: those of decisions are then left out. */
bool audit_shares_log(struct audit *a);

struct audit_state audit_state(struct audit *a);

/* Writes what waits, for a moment at most, says what could not be, and frees all. NULL is fine. */
void audit_stop(struct audit *a);

#endif
