/*
 * Collects the body of one request, within its endpoint's limit and one budget for all bodies of
 * the process. A claimed length is not trusted: memory is allocated for bytes that came.
 */
#ifndef DSP_BODY_BUFFER_H
#define DSP_BODY_BUFFER_H

#include <stddef.h>
#include <stdint.h>

/* Shared by all bodies of one server. */
struct body_budget {
	size_t limit; /* most bytes of memory for bodies in flight; a part is for small ones only */
	size_t used;
};

/* Why a body was not kept. After a fault body_buffer_append drops all further bytes. */
enum body_fault {
	BODY_FINE,
	BODY_TOO_BIG, /* more than max */
	BODY_NO_ROOM, /* the budget is spent */
	BODY_NO_MEMORY,
};

struct body_buffer {
	char *bytes; /* what came so far; NULL when nothing is kept */
	size_t len;
	size_t room; /* bytes allocated, and charged to the budget */
	size_t max;  /* most bytes kept; 0: none, at no fault */
	size_t top;  /* most bytes worth allocating: max, or the claimed length */
	enum body_fault fault;
};

/* Starts an empty body of at most max bytes; what it held before must have been freed. */
void body_buffer_begin(struct body_buffer *in, size_t max);

/* The claimed length: above max it is a fault at once, else a bound for growth. */
void body_buffer_expect(struct body_buffer *in, uint64_t claimed);

/* Adds n bytes. A fault frees everything kept; later bytes are dropped. */
void body_buffer_append(
	struct body_buffer *in, struct body_budget *budget, const char *bytes, size_t n);

/* Frees what is kept and gives its room back to the budget. Safe to call twice. */
void body_buffer_free(struct body_buffer *in, struct body_budget *budget);

#endif
