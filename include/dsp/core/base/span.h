/*
 * Bytes of a buffer that the span does not own. A span never outlives the buffer that it points
 * into.
 */
#ifndef DSP_SPAN_H
#define DSP_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
	const char *s; /* not terminated; may be NULL when n is 0 */
	size_t n;      /* bytes */
};

struct span_list {
	const struct span *items;
	size_t count;
};

/* A span over a string literal. */
#define SPAN(literal) ((struct span){ (literal), sizeof(literal) - 1 })

/* The same, as an initializer in a table. */
#define SPAN_INIT(literal)                                                                         \
	{                                                                                          \
		(literal), sizeof(literal) - 1                                                     \
	}

/* A span over a terminated string; NULL gives the empty span. */
static inline struct span span_of(const char *text)
{
	return (struct span){ text, text ? strlen(text) : 0 };
}

static inline bool span_equal(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.s, b.s, a.n) == 0);
}

static inline bool span_starts(struct span a, struct span prefix)
{
	return a.n >= prefix.n && memcmp(a.s, prefix.s, prefix.n) == 0;
}

static inline bool span_ends(struct span a, struct span suffix)
{
	return a.n >= suffix.n && memcmp(a.s + a.n - suffix.n, suffix.s, suffix.n) == 0;
}

/* a without its first n bytes; n is at most a.n. */
static inline struct span span_after(struct span a, size_t n)
{
	return (struct span){ a.s + n, a.n - n };
}

/* The index of the first byte c in a; a.n: there is none. */
static inline size_t span_find(struct span a, char c)
{
	const char *at = a.n ? memchr(a.s, c, a.n) : NULL;

	return at ? (size_t)(at - a.s) : a.n;
}

/* Removes from rest all up to and with the first byte c, and returns it without c. */
static inline struct span span_cut(struct span *rest, char c)
{
	struct span part = { rest->s, span_find(*rest, c) };

	*rest = span_after(*rest, part.n < rest->n ? part.n + 1 : part.n);
	return part;
}

#endif
