/*
 * Edits of a JSON text that leave every other byte as it is: administrators keep such files under
 * version control, and write them in their own way.
 */
#ifndef DSP_JSON_EDIT_H
#define DSP_JSON_EDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "dsp/core/base/json_value.h"
#include "dsp/core/base/span.h"

struct json_t;

/* An object, as text and as a tree of values that know their offsets in the text. */
struct json_document {
	struct span text;       /* borrowed */
	char *copy;             /* of text; keys and strings are decoded in it, in place */
	struct json_value *top; /* the object */
};

/* False: out of memory, or not an object. The caller calls json_document_free in any case. */
bool json_document_parse(struct span text, struct json_document *ret);
void json_document_free(struct json_document *d);

/* The offset of a member, which begins with its key, or of an element. */
size_t json_document_start(const struct json_document *d, json_ref child);

/*
 * Return the text with a change: terminated, for mem_free; NULL without memory. add: with one more
 * child of parent, the last, with the blanks that stand before the first. remove: without a child,
 * and without one of the commas beside it. replace: with another text in the place of a value.
 */
char *json_document_add(const struct json_document *d, json_ref parent, struct span item);
char *json_document_remove(const struct json_document *d, json_ref parent, json_ref child);
char *json_document_replace(const struct json_document *d, json_ref value, struct span item);

/* All parts, one behind the other; terminated, for mem_free; NULL without memory. */
char *json_text_join(const struct span *parts, size_t count);

/* Whether both are the same, with keys in the same order. */
bool json_same(const struct json_t *a, const struct json_t *b);

#endif
