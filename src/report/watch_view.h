/*
 * Decisions for a person's eyes: a line each, repeats of a second counted, and on a terminal a last
 * line that is written anew in its place. Whatever is in a decision, what is printed is printable
 * ASCII, bounded, and on a terminal no wider than that.
 */
#ifndef DSP_WATCH_VIEW_H
#define DSP_WATCH_VIEW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "counter.h"
#include "dsp/audit/audit_reader.h"
#include "dsp/audit/repeat_filter.h"

struct watch_view {
	FILE *to;
	bool terminal; /* lines are cut, and there is a last line */
	bool colour;
	bool outcomes; /* lines of these too */
	unsigned columns;
	bool drawn; /* the last line stands there */
	bool fresh; /* something came since the turn before */
	uint64_t begun_at;
	uint64_t decisions;
	uint64_t denied;
	uint64_t would; /* be denied, but for monitor mode */
	uint64_t lost;  /* lines */
	uint64_t lost_decisions;
	uint64_t lost_reported; /* lines of those, and when that was, in milliseconds */
	uint64_t lost_reported_at;
	uint64_t generation; /* of the decision before */
	uint64_t at_drawn;   /* decisions, when the last line was drawn */
	struct repeat_filter folds;
	struct counter denials;
};

/* -1 without memory. */
MUST_USE int watch_view_begin(struct watch_view *s, FILE *to, bool colour);

/* The terminal may have another width. */
void watch_view_measure(struct watch_view *s);

/* A decision, an outcome, or that lines are missing; shown: it is not only counted. */
void watch_view_line(struct watch_view *s, const struct audit_entry *l, bool shown);

/* A line of our own. */
void watch_view_note(struct watch_view *s, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* What is due: counts of repeats, the last line. Flushes. False: it could not be written. */
bool watch_view_refresh(struct watch_view *s);

/* The rest of the counts, and a summary; NULL: nobody wants any. Frees all. */
void watch_view_end(struct watch_view *s, FILE *summary);

#endif
