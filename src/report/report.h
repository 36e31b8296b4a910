/* What dsp report counts of a trail, and the page that it makes of it. */
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
	const char *since; /* only lines from here on (a time's first characters count) */
	const char *until; /* and before */

	char first[32]; /* times of what was counted; empty: nothing was */
	char last[32];
	uint64_t decisions;
	uint64_t denied;
	uint64_t would; /* allowed only because the mode is monitor */
	uint64_t writes;
	uint64_t unreadable;      /* questions of dockerd */
	uint64_t dropped;         /* lines that are missing */
	uint64_t orphan_repeats;  /* repeats of a line that is not there */
	unsigned truncated_lines; /* lines that were cut off */
	char profile[32];         /* of the last decision */
	bool monitor;

	uint64_t asked[POWER_COUNT];
	uint64_t asked_denied[POWER_COUNT];
	struct counter subjects; /* subject */
	struct counter uses;     /* subject, operation */
	struct counter denials;  /* reason, what  */
	struct counter roots;    /* power, subject */
	struct counter details;  /* power, subject, detail */
	struct counter outcomes; /* HTTP status */
	uint64_t paired;         /* outcomes that belong to a decision */

	int64_t start; /* of the timeline, seconds since 1970 */
	int64_t width; /* of a span of it, seconds */
	struct report_span spans[REPORT_SPANS];
};

/* -1 without memory. The caller ends it with report_free. */
MUST_USE int report_init(struct report *r);
void report_free(struct report *r);

/* Counts one decision or outcome, so many times over. */
void report_count(struct report *r, const struct audit_entry *l, uint64_t times);

/* Writes the page, which needs nothing from elsewhere and runs nothing. -1: it could not. */
MUST_USE int report_page(struct report *r, FILE *out);

#endif
