/*
 * Parses JSON text in place, value by value, as strictly as RFC 8259 and without allocating: for a
 * text of which few values count. Input is untrusted. Each function skips blanks before what it
 * reads, and returns false on a syntax error; r->at is then where the error is. The caller handles
 * equal keys in one object.
 */
#ifndef DSP_JSON_READER_H
#define DSP_JSON_READER_H

#include "dsp/core/base/span.h"

struct json_reader {
	char *at; /* the next byte */
	char *end;
};

/* The first byte of what comes next, which stays unread; '\0' at the end. */
static inline char json_reader_peek(struct json_reader *r)
{
	while (r->at < r->end && (unsigned char)*r->at <= ' ' &&
		(*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r'))
		r->at++;
	return r->at < r->end ? *r->at : '\0';
}

/* Reads the byte c. False: something else comes next. */
static inline bool json_reader_accept(struct json_reader *r, char c)
{
	if (json_reader_peek(r) != c || r->at == r->end)
		return false;
	r->at++;
	return true;
}

/* Reads a string. *ret is its value, decoded in place: the text before r->at changes. */
bool json_reader_string(struct json_reader *r, struct span *ret);

/* Reads over one value of any type, at most 64 levels deep. */
bool json_reader_skip(struct json_reader *r);

/*
 * Steps through an object: reads the next key and its colon; the caller then reads the value.
 * 1: *ret is the key; 0: the object has ended; -1: a syntax error, or a key with a NUL. *first is
 * true before the first call for an object.
 */
int json_reader_member(struct json_reader *r, bool *first, struct span *ret);

/* Whether only blanks are left. */
bool json_reader_at_end(struct json_reader *r);

#endif
