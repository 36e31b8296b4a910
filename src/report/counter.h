/*
 * Counts by key, with a limit on the number of keys: further keys are counted together in one row
 * for all others. So an audit log of any length, with any names, takes bounded memory.
 */
#ifndef DSP_COUNTER_H
#define DSP_COUNTER_H

#include <stddef.h>
#include <stdint.h>

#include "dsp/core/base/err.h"

enum counter_column { COUNTER_ALL, COUNTER_DENIED, COUNTER_WOULD, COUNTER_WRITES, COUNTER_COLUMNS };

struct counter_row {
	char *key;     /* parts with COUNTER_SEPARATOR between them; NULL: the row for all others */
	char *example; /* set by the caller with mem_copy; the counter frees it. Or NULL */
	uint64_t n[COUNTER_COLUMNS];
	char last[32]; /* the latest time, as text */
};

#define COUNTER_SEPARATOR '\x1f'

struct counter {
	struct counter_row *rows;
	size_t *slots; /* a hash table of rows by their key: 1 + the index; 0: free */
	size_t count;
	size_t most;
	struct counter_row others;
};

/* -1: out of memory. Call counter_free in any case. */
MUST_USE int counter_init(struct counter *t, size_t most);
void counter_free(struct counter *t);

/*
 * The row of a key, which is made if it is not there; the row for all others if there are too many,
 * or memory ran out. Valid until counter_sort.
 */
struct counter_row *counter_row(struct counter *t, const char *key);

/* The row of a key; NULL: there is none. As valid as that of counter_row. */
const struct counter_row *counter_find(const struct counter *t, const char *key);

/* Sorts the rows, the largest first, equal ones by key. Do not call counter_row or counter_find
 * afterwards. */
void counter_sort(struct counter *t, enum counter_column by);

/* Copies a part of a row's key, counted from 0, into room and returns it; "" if there is none. */
const char *counter_part(const struct counter_row *row, size_t part, char *room, size_t cap);

#endif
