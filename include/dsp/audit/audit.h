/*
 * The audit log: a line for each decision that is to be logged, written by a thread of its own, so
 * that no decision waits for a disk. Every decision is counted once: not to be logged, waiting,
 * written, a repeat of a line before it, or dropped. Call all functions from one thread.
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

/* AuthZRes messages, by how they could be matched to a decision. */
enum audit_outcome {
	OUTCOME_EXACT,     /* one decision */
	OUTCOME_AMBIGUOUS, /* one of several like requests */
	OUTCOME_UNKNOWN,   /* no known decision */
	OUTCOME_UNREADABLE,
	AUDIT_OUTCOMES
};

struct audit_state {
	struct audit_settings settings;
	enum audit_to to; /* where lines go: not AUDIT_TO_AUTO */
	struct audit_counts counts;
	uint64_t outcomes[AUDIT_OUTCOMES];
	size_t queued;     /* lines */
	char trouble[256]; /* why nothing is written now; empty: all is well */
};

/* The caller ends it with audit_stop. NULL and e. Nothing is written before audit_start. */
struct audit *audit_new(const struct audit_settings *settings, struct err *e)
	__attribute__((warn_unused_result));

/* Starts the thread, if lines are kept. It inherits the signal mask and the sandbox. -1 and e. */
MUST_USE int audit_start(struct audit *a, struct err *e);

/*
 * Whether lines could be written with these settings: starts the thread if none runs, and opens,
 * and perhaps creates, a file to which lines do not go now. It may block on a hung file system. -1
 * and e.
 */
MUST_USE int audit_try(struct audit *a, const struct audit_settings *settings, struct err *e);

/* Changes the settings. Opens the file again in any case. */
void audit_configure(struct audit *a, const struct audit_settings *settings);

/*
 * Queues a line for a decision, if the settings ask for one. Returns NULL, or why dsp must deny
 * what the event allows: the log must keep it (DSP_AUDIT_FULL=deny) and cannot. The line then has
 * that reason, if there is room for the line.
 */
const struct refusal *audit_decision(struct audit *a, const struct decision_event *event);

/*
 * The id of the line that records the last decision: its own, or the one that it repeats. Empty: no
 * line does. Valid until the next decision.
 */
const char *audit_reference(const struct audit *a);

/*
 * Records the outcome of a request (AuthZRes), if the settings ask for it. Sets o->decision and
 * o->pair for the line; the caller must not use them. NULL: the message could not be read.
 */
void audit_outcome(struct audit *a, struct request_outcome *o);

/*
 * Queues a line for what became of a grant, whatever DSP_AUDIT_LOG says. NULL, or why a grant must
 * not be given: the log must keep it (DSP_AUDIT_FULL=deny) and cannot.
 */
const struct refusal *audit_grant(struct audit *a, const struct grant_event *e);

/* True if the settings ask for outcomes (AuthZRes). */
bool audit_wants_outcomes(const struct audit *a);

/* dockerd restarted: drop all pending requests, their AuthZRes will not come. */
void audit_dockerd_restarted(struct audit *a);

/*
 * True when the audit log shares its destination with the log. The caller then does not log
 * decisions, which would appear twice.
 */
bool audit_shares_log(const struct audit *a);

struct audit_state audit_state(struct audit *a);

/*
 * Writes the lines that wait, for at most a second, logs how many could not be written, and frees
 * a, which may be NULL.
 */
void audit_stop(struct audit *a);

#endif
