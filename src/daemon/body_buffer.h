/*
 * The body of one request while it comes in: within its endpoint's limit, and within one budget
 * for all bodies of the process. It trusts no claimed length: memory is taken for bytes that came.
 */
#ifndef DSP_BODY_BUFFER_H
#define DSP_BODY_BUFFER_H

#include <stddef.h>
#include <stdint.h>

/* Shared by all intakes of one server. */
struct budget {
	size_t limit; /* most bytes of memory for bodies in flight; a part is for small ones only */
	size_t used;
};

/* Why a body was not kept. Whatever the fault, intake_take goes on swallowing it. */
enum intake_fault {
	INTAKE_FINE,
	INTAKE_TOO_BIG, /* more than max */
	INTAKE_NO_ROOM, /* the budget is spent */
	INTAKE_NO_MEMORY,
};

struct intake {
	char *bytes; /* what came so far; NULL when nothing is kept */
	size_t len;
	size_t room; /* bytes allocated, and charged to the budget */
	size_t max;  /* most bytes kept; 0: none, at no fault */
	size_t top;  /* most bytes worth allocating: max, or what the peer claimed */
	enum intake_fault fault;
};

/* Starts an empty intake; its memory must have been dropped before. */
void intake_begin(struct intake *in, size_t max);

/* The length that the peer claims: above max it is a fault at once, else a bound for growth. */
void intake_expect(struct intake *in, uint64_t claimed);

/* Adds n bytes. On a fault everything kept is dropped, and later bytes are swallowed. */
void intake_take(struct intake *in, struct budget *budget, const char *bytes, size_t n);

/* Frees what is kept and gives its room back to the budget. Safe to call twice. */
void intake_drop(struct intake *in, struct budget *budget);

#endif
