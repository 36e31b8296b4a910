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

enum { REPEAT_LINES = 32, REPEAT_US = 1000000 };

/* A line that was written, and how often it came again. */
struct repeat {
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
struct repeat_source {
	const char *id;
	const char *type;
};

struct repeat_filter {
	struct repeat items[REPEAT_LINES];
	uint64_t hashes[REPEAT_LINES]; /* of their texts */
	size_t next;                   /* the one that began first */
	uint64_t hash;                 /* of what was looked for */
};

/* The line that text repeats at this time, or NULL. */
struct repeat *repeat_filter_find(struct repeat_filter *f, struct span text, uint64_t now_us);

void repeat_count(struct repeat *f, uint64_t now_us);

/* The place for a new line, that of the oldest; what it counts must be told before. */
struct repeat *repeat_filter_oldest(struct repeat_filter *f);

/* Begins to count repeats of the line that was just not found. Without memory it does not. */
void repeat_filter_add(
	struct repeat_filter *f, struct span text, const struct repeat_source *of, uint64_t now_us);

/* One whose second is over (or any, at the end) and that has something to tell; or NULL. */
struct repeat *repeat_filter_due(struct repeat_filter *f, uint64_t now_us, bool all);

/* It was told: the place is free. */
void repeat_clear(struct repeat *f);

void repeat_filter_free(struct repeat_filter *f);

#endif
