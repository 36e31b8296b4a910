/* Finds the known word that is nearest to an unknown one, for "did you mean". */
#ifndef DSP_NEAREST_H
#define DSP_NEAREST_H

#include "dsp/core/base/span.h"

struct nearest {
	struct span name; /* the unknown word */
	size_t edits;     /* of the nearest word so far; at first one more than counts as near */
	struct span word; /* the nearest known word so far; empty: none is near */
};

/*
 * Starts a search. most: how many edits (insert, delete, change, swap of neighbours) still count as
 * near; 0: as many as suit the length of name.
 */
struct nearest nearest_to(struct span name, size_t most);

/* Compares name with one known word, which must outlive n. */
void nearest_try(struct nearest *n, struct span known);

#endif
