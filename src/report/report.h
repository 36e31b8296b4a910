/* What dsp report counts in an audit log, and the page about it. */
#ifndef DSP_REPORT_H
#define DSP_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "counter.h"
#include "dsp/audit/audit_reader.h"
#include "dsp/core/facts/powers.h"
#include "timeline.h"

enum { REPORT_SLOWEST = 10, REPORT_TEXT = 400 };

/* A decision that took long. */
struct slow_decision {
	uint64_t duration_us;
	char time[32];
	char subject[100];
	char operation[64];
	char request[REPORT_TEXT]; /* "POST /v1.41/containers/web/kill" */
};

struct report {
	const char *title; /* NULL: made from the hosts */
	char first[32];    /* the earliest and the latest time that was counted; or empty */
	char last[32];
	uint64_t decisions;
	uint64_t denied;
	uint64_t would; /* allowed only because the mode is monitor */
	uint64_t writes;
	uint64_t unreadable;      /* requests that dsp could not parse */
	uint64_t dropped;         /* lines that dsp could not write */
	uint64_t orphan_repeats;  /* repeats of a line that the log does not have */
	unsigned truncated_lines; /* lines without their end: dspd or the host stopped */
	char profile[32];         /* of the last decision */
	bool monitor;
	bool by_rules; /* a policy file decided */

	uint64_t asked[POWER_COUNT];
	uint64_t asked_denied[POWER_COUNT];
	struct counter hosts;    /* host */
	struct counter subjects; /* subject */
	struct counter uses;     /* subject, operation */
	struct counter remedies; /* enum remedy as a digit, its text, subject */
	struct counter things;   /* operation, what it was asked for with, subject */
	struct counter roots;    /* power, subject */
	struct counter details;  /* power, subject, detail */
	struct counter outcomes; /* HTTP status */
	struct counter grants;   /* id; example: what it allowed, who gave it, and why */
	struct counter names;    /* the first 12 digits of a container's id; example: its name */
	uint64_t paired;         /* outcomes that could be matched to a decision */
	struct slow_decision slowest[REPORT_SLOWEST]; /* the slowest first; duration 0: none */
	struct timeline timeline;
};

/* -1: out of memory. Call report_free in any case. */
MUST_USE int report_init(struct report *r);
void report_free(struct report *r);

/* Counts a decision or an outcome, so many times; ignores other entries. */
void report_count(struct report *r, const struct audit_entry *l, uint64_t times);

/* Writes the page. It loads nothing and has no script. -1: it could not, see errno. */
MUST_USE int report_page(struct report *r, FILE *out);

#endif
