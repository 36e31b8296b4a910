/*
 * Writes a JSON object of bounded length, member by member, without allocating. Texts may be any
 * bytes: the JSON string holds an escaped form of them, with \\ for a backslash and \xNN for each
 * byte that is not printable or not UTF-8, so that the bytes can be restored.
 */
#ifndef DSP_JSON_WRITER_H
#define DSP_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsp/core/base/span.h"

struct json_writer {
	char *out;
	size_t cap; /* a part that does not fit is left out, and full is set */
	size_t n;
	bool full;
};

/* Adds bytes that are JSON already, all or none. */
void json_writer_raw(struct json_writer *w, struct span bytes);

/* Adds "key": and, after another member, a comma before it. key needs no escape. */
void json_writer_key(struct json_writer *w, const char *key);

void json_writer_number(struct json_writer *w, const char *key, uint64_t n);

/* word: printable ASCII without quotes and backslashes. */
void json_writer_word(struct json_writer *w, const char *key, const char *word);

/* Adds text as a string of at most `most` bytes between its quotes. False: the text was cut. */
bool json_writer_string(struct json_writer *w, struct span text, size_t most);

/*
 * Adds text as a string of JSON that stands for exactly its characters, with U+FFFD for each byte
 * that is not UTF-8; all or nothing. It takes at most JSON_WRITER_EXACT_MOST bytes for each of
 * text, and two.
 */
enum { JSON_WRITER_EXACT_MOST = 6 };
void json_writer_exact(struct json_writer *w, struct span text);

/* Adds a member whose value is such a string. */
bool json_writer_text(struct json_writer *w, const char *key, struct span text, size_t most);

#endif
