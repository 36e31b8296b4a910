/* Decisions over time, in at most TIMELINE_SPANS spans of one width. */
#ifndef DSP_TIMELINE_H
#define DSP_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TIMELINE_SPANS = 96 };

struct timeline_span {
	uint64_t allowed;
	uint64_t denied;
};

/* All zero: empty. */
struct timeline {
	int64_t start; /* seconds since 1970; a multiple of width */
	int64_t width; /* seconds: a minute, or what widens it; 0: nothing was counted */
	size_t used;   /* spans up to the last that has a decision */
	struct timeline_span spans[TIMELINE_SPANS];
};

/* Counts decisions at a time, in seconds since 1970. One before the start counts at the start. */
void timeline_count(struct timeline *t, int64_t seconds, bool denied, uint64_t times);

#endif
