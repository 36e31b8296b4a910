/* What dsp report counts in an audit log, and the page about it. */
#ifndef DSP_REPORT_H
#define DSP_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "counter.h"
#include "dsp/audit/audit_reader.h"
#include "dsp/core/facts/powers.h"

enum { REPORT_SPANS = 96 }; /* of the timeline */

struct report_span {
	uint64_t allowed;
	uint64_t denied;
};

struct report {
	const char *title;
	const char *since; /* the first characters of a time: only entries from then on; or NULL */
	const char *until; /* and before then; or NULL */

	char first[32]; /* the earliest and the latest time that was counted; or empty */
	char last[32];
	uint64_t decisions;
	uint64_t denied;
	uint64_t would; /* allowed only because the mode is monitor */
	uint64_t writes;
	uint64_t unreadable;      /* questions that dsp could not parse */
	uint64_t dropped;         /* lines that dsp could not write */
	uint64_t orphan_repeats;  /* repeats of a line that the log does not have */
	unsigned truncated_lines; /* lines without their end: dsp or the host died */
	char profile[32];         /* of the last decision */
	bool monitor;

	uint64_t asked[POWER_COUNT];
	uint64_t asked_denied[POWER_COUNT];
	struct counter subjects; /* subject */
	struct counter uses;     /* subject, operation */
	struct counter denials;  /* reason, decided_by, rule or flags, subject */
	struct counter roots;    /* power, subject */
	struct counter details;  /* power, subject, detail */
	struct counter outcomes; /* HTTP status */
	uint64_t paired;         /* outcomes that could be matched to a decision */

	int64_t start; /* of the timeline, in seconds since 1970 */
	int64_t width; /* of one of its spans, in seconds */
	struct report_span spans[REPORT_SPANS];
};

/* -1: out of memory. Call report_free in any case. */
MUST_USE int report_init(struct report *r);
void report_free(struct report *r);

/* Counts a decision or an outcome, so many times; ignores other entries. */
void report_count(struct report *r, const struct audit_entry *l, uint64_t times);

/* Writes the page. It loads nothing and has no script. -1: it could not, see errno. */
MUST_USE int report_page(struct report *r, FILE *out);

#endif
