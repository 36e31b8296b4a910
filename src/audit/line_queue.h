/*
 * Lines that wait to be written: a ring of bytes of a fixed size. It locks nothing: its owner does.
 * What is taken stays until it is known to be written. So who takes may look at a copy of the
 * struct without a lock, while others put.
 */
#ifndef DSP_LINE_QUEUE_H
#define DSP_LINE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

/* What a line counts as, once it is written. */
enum line_kind { LINE_DECISION, LINE_OUTCOME, LINE_NOTICE, LINE_KINDS };

struct line_queue {
	char *bytes;
	size_t size;
	uint64_t begin; /* bytes taken so far, and put so far; modulo size they are places */
	uint64_t end;
	size_t count; /* lines */
};

/* What was looked at. */
struct line_batch {
	size_t lines;
	size_t kinds[LINE_KINDS];
	size_t bytes;  /* of text */
	size_t fields; /* of those behind the line, when one was asked for */
	uint64_t end;  /* of them in the queue */
};

MUST_USE int line_queue_init(struct line_queue *q, size_t size, struct err *e);
void line_queue_free(struct line_queue *q);

/* Whether a line of n bytes, its fields included, has room. */
bool line_queue_has_room(const struct line_queue *q, size_t n);

/* fields: for the journal; may be empty. False: there is no room. */
bool line_queue_put(
	struct line_queue *q, enum line_kind kind, struct span line, struct span fields);

/* Copies lines behind the first `skip`, without their fields, as many as fit. */
struct line_batch line_queue_copy(const struct line_queue *q, size_t skip, char *out, size_t cap);

/* Copies the first line, its fields behind it; out has room for all. lines is 0: there is none. */
struct line_batch line_queue_copy_first(const struct line_queue *q, char *out);

/* Takes away the lines of a view that began with the first. */
void line_queue_remove(struct line_queue *q, const struct line_batch *v);

/* Takes the first line away, and says what it was; there is one. */
enum line_kind line_queue_remove_first(struct line_queue *q);

#endif
