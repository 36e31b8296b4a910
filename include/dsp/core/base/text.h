/* Bytes of strangers as printable ASCII: for messages, logs and terminals. */
#ifndef DSP_TEXT_H
#define DSP_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

/*
 * Writes in as printable ASCII: a quote and a backslash with a backslash before them, all other
 * bytes outside 0x20..0x7e as \xNN. Cut with "..." where it does not fit. out is terminated; cap
 * is at least 8.
 */
void text_escape(struct span in, char *out, size_t cap);

/* Copies as much of in as fits, terminated; cap is at least 1. */
void text_copy(struct span in, char *out, size_t cap);

/*
 * A hash for tables, FNV-1a over eight bytes at a time. It is not collision-resistant: whoever
 * chooses the texts can make many share one hash, so a table must stay correct then, and bounded.
 */
uint64_t text_hash(struct span s);

/* Whether text is one of the words of a comma-separated list. */
bool text_in_list(struct span text, const char *list);

/* Whether text is not empty and made of 0-9 and a-f alone, as ids are. */
bool text_is_hex(struct span text);

/* The value of a hexadecimal digit, or -1; text_hex_lower takes only 0-9 and a-f. */
int text_hex(char c);
int text_hex_lower(char c);

/* Writes a byte as two digits, 0-9 and a-f. */
void text_hex_write(unsigned char byte, char out[2]);

/* The length of the UTF-8 character at the start of s, 0 when it is none (RFC 3629). */
size_t text_utf8(struct span s);

/* A growing line in a fixed buffer; what does not fit is left out. */
struct line {
	char *text; /* always terminated */
	size_t cap;
	size_t n;
	bool cut;
};

void line_init(struct line *l, char *text, size_t cap);
void line_add(struct line *l, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Adds as much of s as fits. */
void line_add_cut(struct line *l, struct span s);

#endif
