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
enum backlog_kind { LINE_DECISION, LINE_OUTCOME, LINE_NOTICE, LINE_KINDS };

struct backlog {
	char *bytes;
	size_t size;
	uint64_t begin; /* bytes taken so far, and put so far; modulo size they are places */
	uint64_t end;
	size_t count; /* lines */
};

/* What was looked at. */
struct backlog_view {
	size_t lines;
	size_t kinds[LINE_KINDS];
	size_t bytes;  /* of text */
	size_t fields; /* of those behind the line, when one was asked for */
	uint64_t end;  /* of them in the queue */
};

MUST_USE int backlog_init(struct backlog *b, size_t size, struct err *e);
void backlog_free(struct backlog *b);

/* Whether a line of n bytes, its fields included, has room. */
bool backlog_has_room(const struct backlog *b, size_t n);

/* fields: for the journal; may be empty. False: there is no room. */
bool backlog_put(struct backlog *b, enum backlog_kind kind, struct span line, struct span fields);

/* Copies lines behind the first `skip`, without their fields, as many as fit. */
struct backlog_view backlog_lines(const struct backlog *b, size_t skip, char *out, size_t cap);

/* Copies the first line, its fields behind it; out has room for all. lines is 0: there is none. */
struct backlog_view backlog_first(const struct backlog *b, char *out);

/* Takes away the lines of a view that began with the first. */
void backlog_take(struct backlog *b, const struct backlog_view *v);

/* Takes the first line away, and says what it was; there is one. */
enum backlog_kind backlog_take_first(struct backlog *b);

#endif
