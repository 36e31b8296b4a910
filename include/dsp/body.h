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

/* Whether the body is an object with at least one key. */
bool body_has_keys(const struct body *b);

#endif
