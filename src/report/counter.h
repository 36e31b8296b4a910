/*
 * Counts by name, of at most so many names: what finds no place is counted under one row for the
 * others. So a trail of any length, with any names in it, takes bounded memory.
 */
#ifndef DSP_COUNTER_H
#define DSP_COUNTER_H

#include <stddef.h>
#include <stdint.h>

#include "dsp/core/base/err.h"

enum counter_column { COUNTER_ALL, COUNTER_DENIED, COUNTER_WOULD, COUNTER_WRITES, COUNTER_COLUMNS };

struct counter_row {
	char *key;     /* parts with COUNTER_SEPARATOR between them; of the others: NULL */
	char *example; /* of something with this key, or NULL */
	uint64_t n[COUNTER_COLUMNS];
	char last[32]; /* the latest time, as text */
};

#define COUNTER_SEPARATOR '\x1f'

struct counter {
	struct counter_row *rows;
	size_t *slots; /* numbers of rows, from 1 */
	size_t count;
	size_t most;
	struct counter_row others;
};

/* -1 without memory. The caller ends it with counter_free. */
MUST_USE int counter_init(struct counter *t, size_t most);
void counter_free(struct counter *t);

/*
 * The row of the key, which is made when it is not there and has a place; else that of the others.
 * It stays where it is until counter_sort.
 */
struct counter_row *counter_row(struct counter *t, const char *key);

/* Largest first; equal ones by key. No more rows can be found afterwards. */
void counter_sort(struct counter *t, enum counter_column by);

/* The part of a row's key, from 0, up to its separator; cut to room. "" beyond the last. */
const char *counter_part(const struct counter_row *row, size_t part, char *room, size_t cap);

#endif
