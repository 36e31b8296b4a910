/*
 * Prints decisions for the user, one a line. Repeats within a second are counted instead. On a
 * terminal the last line shows the counts and is updated in place. Whatever a decision has in it,
 * the output is printable ASCII, bounded, and on a terminal no line is wider than it.
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
	bool terminal; /* to is one: lines are cut, and there is a last line */
	bool colour;
	bool outcomes; /* print them too */
	unsigned columns;
	bool drawn;        /* the last line is on the terminal */
	bool fresh;        /* watch_view_add was called; the caller clears it */
	uint64_t begun_at; /* as clock_now */
	uint64_t decisions;
	uint64_t denied;
	uint64_t would; /* be denied, but for monitor mode */
	uint64_t lost;  /* lines that dspd could not keep */
	uint64_t lost_decisions;
	uint64_t lost_reported;    /* so many of the lost lines were reported, */
	uint64_t lost_reported_at; /* at this time, as clock_now */
	uint64_t generation;       /* of the settings that the last decision was made by */
	uint64_t at_drawn;         /* decisions, when the last line was drawn */
	struct repeat_filter repeats;
	struct counter denials; /* operation, subject, reason */
};

/* Begins to print to a file. -1: out of memory. Ends with watch_view_end in any case. */
MUST_USE int watch_view_begin(struct watch_view *v, FILE *to, bool colour);

/* Finds the terminal's width: call it again after SIGWINCH. */
void watch_view_measure(struct watch_view *v);

/* Counts an entry and, if shown, prints it. */
void watch_view_add(struct watch_view *v, const struct audit_entry *l, bool shown);

/* Prints "-- " and a message. */
void watch_view_note(struct watch_view *v, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Prints what is due, repeats and the last line, and flushes. False: it cannot, see errno. */
bool watch_view_refresh(struct watch_view *v);

/* Prints what is left, and a summary to a file (NULL: nothing at all). Frees everything. */
void watch_view_end(struct watch_view *v, FILE *summary);

#endif
