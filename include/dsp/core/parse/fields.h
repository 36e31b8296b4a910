/* The structs of request bodies: rows of fields.tab, found by a key as encoding/json folds it. */
#ifndef DSP_FIELDS_H
#define DSP_FIELDS_H

#include <stddef.h>

#include "dsp/core/base/span.h"
#include "fields_tab.h"

enum field_type {
	TYPE_BOOL,
	TYPE_STRING,
	TYPE_STRINGS,
	TYPE_WORDS,
	TYPE_OBJECT,
	TYPE_LIST,
	TYPE_MAP,
	TYPE_TEXTS, /* a map of strings */
	TYPE_INCLUDE,
};

struct field {
	enum struct_id in;
	struct span folded; /* lower case */
	struct span name;
	enum field_type type;
	enum struct_id of; /* STRUCT_NONE: not looked into */
};

/* The field of struct id (or of one that it includes) whose name folds to key; NULL if none. */
const struct field *field_find(enum struct_id id, struct span key);

/* The rows of one struct, without those that it includes. */
const struct field *fields_of_struct(enum struct_id id, size_t *count);

/*
 * Folds a key as encoding/json does for its comparison: ASCII letters to lower case, U+017F to
 * "s", U+212A to "k". Writes at most cap bytes; the folded length, which may be more than cap.
 */
size_t field_fold(struct span key, char *out, size_t cap);

/* Compares two keys as folded, like memcmp and then by length; 0: Go takes them for one. */
int field_compare(struct span a, struct span b);

#endif
