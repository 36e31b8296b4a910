/*
 * Writes a JSON object of bounded length, member by member, allocating nothing. Texts may be any
 * bytes: JSON's string is then their escaped form, in which a backslash stands as "\\" and what is
 * neither printable nor UTF-8 as "\xNN", byte by byte, so that it can be read back.
 */
#ifndef DSP_JSON_WRITER_H
#define DSP_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsp/core/base/span.h"

struct json_writer {
	char *out;
	size_t cap; /* what does not fit is left out, and full is set */
	size_t n;
	bool full;
};

/* Bytes that are JSON already, whole or not at all. */
void json_writer_raw(struct json_writer *s, struct span bytes);

/* ,"key": with the comma where one is due; key is plain. */
void json_writer_key(struct json_writer *s, const char *key);

void json_writer_number(struct json_writer *s, const char *key, uint64_t n);

/* A word of our own: printable ASCII without quotes and backslashes. */
void json_writer_word(struct json_writer *s, const char *key, const char *word);

/* A string of text, of which the first bytes count that fill most bytes. False: it was cut. */
bool json_writer_string(struct json_writer *s, struct span text, size_t most);

/* A member whose value is a string. */
bool json_writer_text(struct json_writer *s, const char *key, struct span text, size_t most);

#endif
