/* Tables of the page of dsp report. */
#ifndef DSP_REPORT_TABLE_H
#define DSP_REPORT_TABLE_H

#include <stdio.h>

#include "report.h"

enum column_kind {
	COLUMN_PART,    /* a part of the row's key */
	COLUMN_NUMBER,  /* one of its counts */
	COLUMN_LAST,    /* the latest time */
	COLUMN_EXAMPLE, /* the latest request */
	COLUMN_ROOT,    /* whether the power that is part 0 gives root */
	COLUMN_REMEDY,  /* parts 0 and 1: what would allow it */
	COLUMN_STATUS,  /* part 0: an HTTP status, or 0 */
};

struct column {
	const char *name;
	enum column_kind kind;
	unsigned which; /* the part, or the enum counter_column */
};

enum { COLUMNS_MOST = 6, TABLE_ROWS = 50, TABLE_USERS = 12, NO_USER = 99 };

struct table {
	const char *caption;
	unsigned user;                       /* the part of the key that is a user; NO_USER: none */
	struct column columns[COLUMNS_MOST]; /* up to the first without a name */
};

/* Prints the first TABLE_ROWS rows; with a subject only rows that have it as part 0. */
void report_table(const struct report *r, FILE *out, const struct table *t,
	const struct counter *rows, const char *subject);

/* Sorts the rows, prints the first of them, and how much is in the others. */
void report_counter(const struct report *r, FILE *out, const struct table *t, struct counter *rows);

/* Prints ' data-u=3', by which the page shows a user alone; r->subjects is sorted. */
void report_user(const struct report *r, FILE *out, const char *subject);

/* Prints "2026-11-25 10:00:00": a reader does not need microseconds. */
void report_time(FILE *out, const char *time);

#endif
