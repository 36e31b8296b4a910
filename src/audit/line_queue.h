/*
 * Lines that wait to be written: a ring of bytes of a fixed size. It does not lock: the owner does.
 * A reader copies lines out and removes them once they are written. So it may copy by means of a
 * copy of the struct, without the lock, while others put lines.
 */
#ifndef DSP_LINE_QUEUE_H
#define DSP_LINE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

/* What a line counts as, once it is written. */
enum line_kind { LINE_DECISION, LINE_OUTCOME, LINE_GRANT, LINE_NOTICE, LINE_KINDS };

struct line_queue {
	char *bytes;
	size_t size;
	uint64_t begin; /* bytes removed since it was empty; modulo size it is an offset */
	uint64_t end;   /* bytes put since; the same */
	size_t count;   /* lines */
};

/* What was copied out. */
struct line_batch {
	size_t lines;
	size_t kinds[LINE_KINDS];
	size_t bytes;  /* of lines */
	size_t fields; /* bytes of fields behind the line: line_queue_copy_first alone */
	uint64_t end;  /* of the batch in the queue */
};

MUST_USE int line_queue_init(struct line_queue *q, size_t size, struct err *e);
void line_queue_free(struct line_queue *q);

/* Whether a line of n bytes, its fields included, has room. */
bool line_queue_has_room(const struct line_queue *q, size_t n);

/* Appends a line; fields are for the journal and may be empty. False: there is no room. */
bool line_queue_put(
	struct line_queue *q, enum line_kind kind, struct span line, struct span fields);

/* Copies as many lines as fit, after the first `skip`, without their fields. */
struct line_batch line_queue_copy(const struct line_queue *q, size_t skip, char *out, size_t cap);

/* Copies the first line and then its fields, to an out that has room for both. lines 0: no line. */
struct line_batch line_queue_copy_first(const struct line_queue *q, char *out);

/* Removes the lines of a batch, which began with the first line. */
void line_queue_remove(struct line_queue *q, const struct line_batch *v);

/* Removes the first line, and returns its kind; the queue must not be empty. */
enum line_kind line_queue_remove_first(struct line_queue *q);

#endif
