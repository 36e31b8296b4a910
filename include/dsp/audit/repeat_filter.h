/*
 * Which lines say again what was said less than a second ago: they are counted instead. Compared is
 * all of a line but its head, byte by byte. It locks nothing: its owner does.
 */
#ifndef DSP_REPEAT_FILTER_H
#define DSP_REPEAT_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "dsp/core/base/span.h"
#include "dsp/core/record/audit_record.h"

enum { FOLDS = 32, FOLD_US = 1000000 };

/* A line that was written, and how often it came again. */
struct fold {
	char *text; /* NULL: free */
	size_t n;
	size_t room;
	char id[AUDIT_RECORD_ID_ROOM];
	const char *type;  /* of the line; static */
	uint64_t begun_us; /* the line's own time */
	uint64_t first_us; /* of the repeats */
	uint64_t last_us;
	uint64_t count;
};

/* What a line is named. */
struct fold_of {
	const char *id;
	const char *type;
};

struct folds {
	struct fold items[FOLDS];
	uint64_t hashes[FOLDS]; /* of their texts */
	size_t next;            /* the one that began first */
	uint64_t hash;          /* of what was looked for */
};

/* The line that text repeats at this time, or NULL. */
struct fold *folds_find(struct folds *f, struct span text, uint64_t now_us);

void fold_count(struct fold *f, uint64_t now_us);

/* The place for a new line, that of the oldest; what it counts must be told before. */
struct fold *folds_place(struct folds *f);

/* Begins to count repeats of the line that was just not found. Without memory it does not. */
void folds_begin(struct folds *f, struct span text, const struct fold_of *of, uint64_t now_us);

/* One whose second is over (or any, at the end) and that has something to tell; or NULL. */
struct fold *folds_due(struct folds *f, uint64_t now_us, bool all);

/* It was told: the place is free. */
void fold_end(struct fold *f);

void folds_free(struct folds *f);

#endif
