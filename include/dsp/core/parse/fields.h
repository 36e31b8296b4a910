/* The structs of request bodies (fields.tab), with keys compared as encoding/json folds them. */
#ifndef DSP_FIELDS_H
#define DSP_FIELDS_H

#include <stddef.h>

#include "dsp/core/base/span.h"
#include "fields_tab.h"

enum field_type {
	TYPE_BOOL,
	TYPE_STRING,
	TYPE_STRINGS, /* a list of strings */
	TYPE_WORDS,   /* the same, or one string (moby's StrSlice) */
	TYPE_OBJECT,
	TYPE_LIST,    /* a list of objects */
	TYPE_MAP,     /* a map of objects */
	TYPE_TEXTS,   /* a map of strings */
	TYPE_LISTS,   /* a map, mostly of lists of objects */
	TYPE_KNOWN,   /* any value, with objects in it or not */
	TYPE_INCLUDE, /* the fields of another struct, as an embedded one in Go */
};

struct field {
	enum struct_id in;
	struct span folded; /* lower case */
	struct span name;
	enum field_type type;
	enum struct_id of; /* of the objects in it; STRUCT_NONE: dsp does not read them */
};

/* The field of struct id, or of a struct that it includes, that key folds to; NULL: none. */
const struct field *field_find(enum struct_id id, struct span key);

enum { FIELDS_MOST = 1024 };

/* A field's number, from 1 and below FIELDS_MOST, and the field of a number; 0 and NULL: none. */
unsigned field_number(const struct field *f);
const struct field *field_of_number(unsigned number);

/* The rows of one struct, without those of structs that it includes; *count of them. */
const struct field *fields_of_struct(enum struct_id id, size_t *count);

/*
 * Folds a key as encoding/json does to compare keys: ASCII letters to lower case, U+017F to "s",
 * U+212A to "k". Writes at most cap bytes; returns the folded length, which may exceed cap.
 */
size_t field_fold(struct span key, char *out, size_t cap);

/* Compares two folded keys, by their bytes and then by length; 0: to Go they are the same. */
int field_compare(struct span a, struct span b);

#endif
