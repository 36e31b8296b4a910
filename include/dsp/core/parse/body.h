/*
 * Parses a JSON body as dockerd's decoder (Go's encoding/json) does. A body that some version of
 * dockerd could read in another way is refused as unreadable. The text is untrusted.
 */
#ifndef DSP_BODY_H
#define DSP_BODY_H

#include "dsp/core/base/err.h"
#include "dsp/core/base/json_value.h"
#include "fields_tab.h"

/* What a JSON body may be at its top. */
enum body_top { TOP_NONE, TOP_OBJECT, TOP_OBJECT_OR_NULL, TOP_LIST_OR_NULL, TOP_LIST };

/* What the body of an operation must be. */
struct body_form {
	enum body_top top;
	enum struct_id schema;
};

/*
 * Parses n bytes of text in place: UTF-8 without BOM, one value, at most 64 levels deep, the top as
 * form has it, no NUL, no lone surrogate, no two keys of an object that Go folds to one, no two
 * equal keys of a map, and no field of the schema with a wrong type. 0: *ret is the top, which the
 * caller frees with mem_free, no later than text; field of each member of a struct is the number of
 * its field (fields.h). -1: the body is unreadable, and why names the part in one clause ("its
 * body's HostConfig ..."), without the contents; why->code is ENOMEM without memory.
 */
MUST_USE int body_parse(
	char *text, size_t n, struct body_form form, struct json_value **ret, struct err *why);

/* The member of object whose key Go folds to name (lower case); NULL: none, or it is no object. */
json_ref body_get(json_ref object, const char *name);

/* The member at a path of such names, "tasktemplate.containerspec"; NULL: there is none. */
json_ref body_get_at(json_ref object, struct span path);

#endif
