/*
 * The body of one request while it comes in: within its endpoint's limit, and within one budget
 * for all bodies of the process. It trusts no claimed length: memory is taken for bytes that came.
 */
#ifndef DSP_BODY_BUFFER_H
#define DSP_BODY_BUFFER_H

#include <stddef.h>
#include <stdint.h>

/* Shared by all intakes of one server. */
struct body_budget {
	size_t limit; /* most bytes of memory for bodies in flight; a part is for small ones only */
	size_t used;
};

/* Why a body was not kept. Whatever the fault, body_buffer_append goes on swallowing it. */
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
	size_t top;  /* most bytes worth allocating: max, or what the peer claimed */
	enum body_fault fault;
};

/* Starts an empty intake; its memory must have been dropped before. */
void body_buffer_begin(struct body_buffer *in, size_t max);

/* The length that the peer claims: above max it is a fault at once, else a bound for growth. */
void body_buffer_expect(struct body_buffer *in, uint64_t claimed);

/* Adds n bytes. On a fault everything kept is dropped, and later bytes are swallowed. */
void body_buffer_append(
	struct body_buffer *in, struct body_budget *budget, const char *bytes, size_t n);

/* Frees what is kept and gives its room back to the budget. Safe to call twice. */
void body_buffer_free(struct body_buffer *in, struct body_budget *budget);

#endif
