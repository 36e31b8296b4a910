/*
 * A JSON body as dockerd's decoder (Go's encoding/json) reads it. What could be read in two ways,
 * or in another way by another version of dockerd, is unreadable. Trusts nothing of the text.
 */
#ifndef DSP_BODY_H
#define DSP_BODY_H

#include <stdbool.h>

#include "dsp/err.h"
#include "dsp/route.h"
#include "dsp/span.h"

/* A body that could be read. */
struct body;

/* One of its values; NULL: it is absent. It lives as long as its body. */
typedef const struct value *value_ref;

/*
 * Reads text: UTF-8 without BOM, one value, depth of 64 at most, top as the operation wants it, no
 * NUL, no lone surrogate, no two keys of an object that Go folds to one, no two equal keys of
 * a map, and no field of schema with a wrong type. On 0 the caller frees *ret with body_free.
 * -1 and why (one clause that names the part, with nothing of the contents) when unreadable;
 * why->code is ENOMEM when memory ran out.
 */
MUST_USE int body_read(struct span text, enum body_top top, enum struct_id schema,
	struct body **ret, struct err *why);

void body_free(struct body *b);

value_ref body_top(const struct body *b);

/* Whether v is there and not null. */
bool value_given(value_ref v);

/* Whether v is true. */
bool value_true(value_ref v);

/* A string; empty for everything else. */
struct span value_text(value_ref v);

/* The members of an object, the elements of a list; 0 for everything else. */
size_t value_count(value_ref v);

/* The element i of a list, or v itself (i is 0) where a string may stand for a list. */
value_ref value_at(value_ref v, size_t i);

/* How many strings a list holds, or a string that may stand for one. */
size_t value_words(value_ref v);

/* The member of an object whose key folds to name (lower case letters), as Go finds it. */
value_ref value_get(value_ref v, const char *name);

/* The member of a map: its key is exactly name. */
value_ref value_exact(value_ref v, const char *name);

/* The members of an object in turn: *at is NULL at first, and after the last. */
value_ref value_next(value_ref v, void **at, struct span *key);

#endif
