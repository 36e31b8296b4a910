/*
 * Suppresses audit lines that repeat within one second; counts them instead. Two lines are the same
 * when all bytes after their heads are. It does not lock: the owner does.
 */
#ifndef DSP_REPEAT_FILTER_H
#define DSP_REPEAT_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "dsp/core/base/span.h"
#include "dsp/core/record/audit_record.h"

enum { REPEAT_LINES = 32, REPEAT_US = 1000000 };

/* A line that was queued or printed, and how often it came again. */
struct repeat {
	char *text; /* n bytes; NULL: no memory yet */
	size_t n;
	size_t room;
	char id[AUDIT_RECORD_ID_ROOM];
	const char *type;  /* of the line; static */
	uint64_t begun_us; /* the line's own time, as all below */
	uint64_t first_us; /* of the repeats */
	uint64_t last_us;
	uint64_t count;
};

/* The line that others repeat, for the report. */
struct repeat_source {
	const char *id;
	const char *type;
};

struct repeat_filter {
	struct repeat items[REPEAT_LINES];
	uint64_t hashes[REPEAT_LINES]; /* of the items' texts */
	size_t next;                   /* the oldest item */
	uint64_t hash;                 /* of the text last looked for */
};

/* The line that text repeats at now_us, microseconds since 1970; NULL: none. */
struct repeat *repeat_filter_find(struct repeat_filter *f, struct span text, uint64_t now_us);

/* Counts one repeat of the line. */
void repeat_count(struct repeat *f, uint64_t now_us);

/* The oldest item, which the next line replaces: report its count before, if it has one. */
struct repeat *repeat_filter_oldest(struct repeat_filter *f);

/*
 * Starts to count repeats of the text that repeat_filter_find just did not find, if memory allows.
 */
void repeat_filter_add(
	struct repeat_filter *f, struct span text, const struct repeat_source *of, uint64_t now_us);

/* An item with repeats to report: its second is over, or all is true. NULL: none. */
struct repeat *repeat_filter_due(struct repeat_filter *f, uint64_t now_us, bool all);

/* Frees the item, once its count is reported. */
void repeat_clear(struct repeat *f);

/* Frees the texts, not f. */
void repeat_filter_free(struct repeat_filter *f);

#endif
