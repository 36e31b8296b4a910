/*
 * A JSON text (RFC 8259) as a tree of values, parsed in place: decoded strings point into the text,
 * which changes, and all values are one array.
 */
#ifndef DSP_JSON_VALUE_H
#define DSP_JSON_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* The elements or members of a value, each with all that is in it, follow it in the array. */
struct json_value {
	struct span key;     /* of a member of an object */
	struct span text;    /* of a string, or a number as it is written */
	unsigned size : 20;  /* of the array: this value and all that is in it */
	unsigned field : 12; /* 0; for body_parse (parse/body.h) */
	unsigned at;         /* where its text begins, in bytes from the start of the whole text */
	unsigned end;        /* where its text ends: the offset behind its last byte */
	unsigned count : 24; /* elements or members */
	enum json_value_kind kind : 8;
};

typedef const struct json_value *json_ref; /* NULL: absent */

/*
 * Parses n bytes of text: one value, at most 64 levels deep, at most 262144 values, no NUL in a
 * string. The caller handles equal keys. 0: *ret is the array, whose first element is the top; the
 * caller frees it with mem_free, no later than text. -1: *why is what is wrong ("is not JSON"),
 * without any of the contents, *where the offset in bytes; why->code is ENOMEM without memory.
 */
MUST_USE int json_value_parse(
	char *text, size_t n, struct json_value **ret, size_t *where, struct err *why);

/* Whether v is there and not null; whether it is true. v may be NULL here and below. */
static inline bool json_value_given(json_ref v)
{
	return v && v->kind != JSON_VALUE_NULL;
}
bool json_value_true(json_ref v);

/* The value of a string; empty for everything else. */
struct span json_value_text(json_ref v);

/* A number as it is written; empty for everything else. */
struct span json_value_number(json_ref v);

/*
 * Whether v is a number that Go decodes into an int64 (encoding/json, strconv.ParseInt): digits
 * with or without a minus, no fraction, no exponent, within 64 bits.
 */
bool json_value_integer(json_ref v, int64_t *ret);

/* Whether v is absent, null, false, a zero, or a string, a list or an object with nothing in it. */
bool json_value_empty(json_ref v);

/*
 * Steps through the elements of a list or the members of an object; NULL: none, or no more. A
 * string counts as a list of itself, as moby's StrSlice has it. member is what the last call
 * returned.
 */
static inline json_ref json_value_first(json_ref v)
{
	if (!v || v->kind == JSON_VALUE_STRING)
		return v;
	return v->count > 0 ? v + 1 : NULL;
}

static inline json_ref json_value_next(json_ref v, json_ref member)
{
	json_ref next = member + member->size;

	return next < v + v->size ? next : NULL;
}

/* The first member of an object whose key is exactly name; NULL: none, or v is no object. */
json_ref json_value_member(json_ref v, const char *name);

/* The JSON text of v in source, a copy of the whole text from before json_value_parse. */
struct span json_value_source(json_ref v, const char *source);

#endif
