/*
 * Counts by name, of at most so many names: what finds no place is counted under one row for the
 * others. So a trail of any length, with any names in it, takes bounded memory.
 */
#ifndef DSP_COUNTER_H
#define DSP_COUNTER_H

#include <stddef.h>
#include <stdint.h>

#include "dsp/core/base/err.h"

enum tally_column { TALLY_ALL, TALLY_DENIED, TALLY_WOULD, TALLY_WRITES, TALLY_COLUMNS };

struct tally_row {
	char *key;     /* parts with TALLY_SEPARATOR between them; of the others: NULL */
	char *example; /* of something with this key, or NULL */
	uint64_t n[TALLY_COLUMNS];
	char last[32]; /* the latest time, as text */
};

#define TALLY_SEPARATOR '\x1f'

struct tally {
	struct tally_row *rows;
	size_t *slots; /* numbers of rows, from 1 */
	size_t count;
	size_t most;
	struct tally_row others;
};

/* -1 without memory. The caller ends it with tally_free. */
MUST_USE int tally_init(struct tally *t, size_t most);
void tally_free(struct tally *t);

/*
 * The row of the key, which is made when it is not there and has a place; else that of the others.
 * It stays where it is until tally_sort.
 */
struct tally_row *tally_row(struct tally *t, const char *key);

/* Largest first; equal ones by key. No more rows can be found afterwards. */
void tally_sort(struct tally *t, enum tally_column by);

/* The part of a row's key, from 0, up to its separator; cut to room. "" beyond the last. */
const char *tally_part(const struct tally_row *row, size_t part, char *room, size_t cap);

#endif
