/*
 * A JSON text as a tree of values, read in place: strings point into the text, which changes, and
 * all values are one piece of memory. Knows JSON (RFC 8259) and nothing of what it is about.
 */
#ifndef DSP_JSON_VALUE_H
#define DSP_JSON_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

enum json_value_kind {
	JSON_VALUE_NULL,
	JSON_VALUE_FALSE,
	JSON_VALUE_TRUE,
	JSON_VALUE_NUMBER,
	JSON_VALUE_STRING,
	JSON_VALUE_LIST,
	JSON_VALUE_OBJECT,
};

/* Behind a list or an object stand its elements or members, each with all that is in it. */
struct json_value {
	struct span key;     /* of an object's member */
	struct span text;    /* of a string */
	unsigned size;       /* values from here to the end of all that is in it; itself too */
	unsigned at;         /* where its text begins, in bytes from the start of the whole text */
	unsigned end;        /* where its text ends: the offset behind its last byte */
	unsigned count : 24; /* elements or members */
	enum json_value_kind kind : 8;
};

typedef const struct json_value *json_ref; /* NULL: it is absent */

/*
 * Reads n bytes of text: one value, depth of 64 at most, no more values than any client sends, no
 * NUL. Equal keys are the caller's matter. On 0 the caller frees *ret, whose first element is the
 * top, with mem_free; it lives no longer than text. -1 and why, what is wrong with the text ("is not
 * JSON"), which tells nothing of the contents, and where, in bytes; why->code is ENOMEM when
 * memory ran out.
 */
MUST_USE int json_value_parse(
	char *text, size_t n, struct json_value **ret, size_t *where, struct err *why);

/* Whether v is there and not null; whether it is true. */
bool json_value_given(json_ref v);
bool json_value_true(json_ref v);

/* A string; empty for everything else. */
struct span json_value_text(json_ref v);

/*
 * The elements of a list, the members of an object, in turn; a string is taken for a list of
 * itself. NULL when there is none, or no more. member is what the last call returned.
 */
json_ref json_value_first(json_ref v);
json_ref json_value_next(json_ref v, json_ref member);

/* The member of an object whose key is exactly name. */
json_ref json_value_member(json_ref v, const char *name);

/* The JSON text of v in source, a copy of the whole text from before json_value_parse. */
struct span json_value_source(json_ref v, const char *source);

#endif
