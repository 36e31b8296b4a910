/* What has an owner, in memory: a balanced tree in the order of kind and id. */
#ifndef DSP_OWNER_ROWS_H
#define DSP_OWNER_ROWS_H

#include "dsp/owners/owners.h"

struct owner_row {
	struct owned thing; /* its spans point into text */
	uint64_t given;     /* the moment: see owners_moment */
	uint64_t doubt;     /* the moment since when it may be gone; 0: it is there */
	char text[];
};

struct owner_rows {
	void *root;
	size_t count;
};

/* A row with copies of the texts, for mem_free; NULL: no memory. */
struct owner_row *owner_row_new(const struct owned *thing);

/* Puts a row there, in the place of the one that the thing has. False: no memory, row is freed. */
bool owner_rows_put(struct owner_rows *rows, struct owner_row *row);

/* Moves all rows of more that rows does not have into rows; more is empty afterwards. */
void owner_rows_merge(struct owner_rows *rows, struct owner_rows *more);

/* The row of a thing; NULL: nobody owns it. */
struct owner_row *owner_rows_find(
	const struct owner_rows *rows, enum attribute_kind kind, struct span id);

/* Notes whether dockerd has it. Returns what was noted before; false where nobody owns it. */
bool owner_rows_set_missing(
	struct owner_rows *rows, enum attribute_kind kind, struct span id, bool missing);

/* False: it has none. */
bool owner_rows_remove(struct owner_rows *rows, enum attribute_kind kind, struct span id);

/* As owners_each. */
void owner_rows_each(const struct owner_rows *rows, enum attribute_kind kind, struct span id,
	bool (*each)(void *ctx, const struct owned *thing), void *ctx);

void owner_rows_free(struct owner_rows *rows);

#endif
