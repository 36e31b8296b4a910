/*
 * A JSON body as dockerd's decoder (Go's encoding/json) reads it. What could be read in two ways,
 * or in another way by another version of dockerd, is unreadable. Trusts nothing of the text.
 */
#ifndef DSP_BODY_H
#define DSP_BODY_H

#include "dsp/core/base/err.h"
#include "dsp/core/base/json_value.h"
#include "fields_tab.h"

/* What a JSON body must be at its top. */
enum body_top { TOP_NONE, TOP_OBJECT, TOP_OBJECT_OR_NULL, TOP_LIST_OR_NULL, TOP_LIST };

/* What a body must be. */
struct body_form {
	enum body_top top;
	enum struct_id schema;
};

/*
 * Reads n bytes of text, in place: UTF-8 without BOM, one value, depth of 64 at most, top as the
 * operation wants it, no NUL, no lone surrogate, no two keys of an object that Go folds to one, no
 * two equal keys of a map, and no field of schema with a wrong type. On 0 the caller frees *ret,
 * the top, with mem_free; it lives no longer than text. -1 and why (one clause that names the part,
 * with nothing of the contents) when unreadable; why->code is ENOMEM when memory ran out.
 */
MUST_USE int body_parse(
	char *text, size_t n, struct body_form form, struct json_value **ret, struct err *why);

/* The member of an object whose key folds to name (lower case letters), as Go finds it. */
json_ref body_get(json_ref object, const char *name);

#endif
