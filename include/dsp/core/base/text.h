/* Texts: untrusted bytes as printable ASCII, lines in a fixed buffer, hex digits, UTF-8. */
#ifndef DSP_TEXT_H
#define DSP_TEXT_H

#include <endian.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

/*
 * Writes in as printable ASCII, safe for messages, logs and terminals: \" and \\ for a quote and a
 * backslash, \xNN for bytes outside 0x20..0x7e. Ends with "..." where it does not fit. out is
 * terminated; cap is at least 8.
 */
void text_escape(struct span in, char *out, size_t cap);

/* How many bytes at the start of s text_escape would leave as they are. */
size_t text_plain_run(struct span s);

/* Copies as much of in as fits in cap bytes with the terminator; cap is at least 1. */
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

/* Whether text is not empty and made of printable ASCII without blanks alone, as tokens are. */
bool text_is_word(struct span text);

/* The value of a hexadecimal digit, or -1; text_hex_lower takes only 0-9 and a-f. */
int text_hex(char c);
int text_hex_lower(char c);

/* Writes a byte as two digits, 0-9 and a-f. */
void text_hex_write(unsigned char byte, char out[2]);

/* Writes a number in decimal, terminated, and returns its length. */
enum { TEXT_DECIMAL_ROOM = 21 };
size_t text_decimal(uint64_t n, char out[TEXT_DECIMAL_ROOM]);

/* The bytes of the UTF-8 character at the start of s; 0: not UTF-8 (RFC 3629). s is not empty. */
size_t text_utf8(struct span s);

/*
 * How many of eight bytes, from the first on, need no escape in JSON: printable ASCII, no quote, no
 * backslash. In each of the terms the highest bit of a byte is the answer, and no byte carries into
 * the next; the first byte is the lowest.
 */
static inline size_t text_plain8(const char *bytes)
{
	const uint64_t one = 0x0101010101010101U;
	const uint64_t high = one * 0x80;
	uint64_t all;
	uint64_t quote, backslash, other;

	memcpy(&all, bytes, sizeof(all));
	all = le64toh(all);
	quote = (all ^ one * '"') | high;
	backslash = (all ^ one * '\\') | high;
	other = ~(((all | high) - one * 0x20) & (quote - one) & (backslash - one) &
			~((all & ~high) + one) & ~all) &
		high;
	return other == 0 ? 8 : (size_t)__builtin_ctzll(other) / 8;
}

/* A line that grows in a fixed buffer. A part that does not fit is left out whole. */
struct line {
	char *text; /* always terminated */
	size_t cap;
	size_t n;
	bool cut; /* a part was left out */
};

void line_init(struct line *l, char *text, size_t cap);
void line_add(struct line *l, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Adds texts as one part; the last argument is NULL. A tenth of the cost of line_add. */
void line_join(struct line *l, ...) __attribute__((sentinel));

/* Adds as much of s as fits; does not set cut. */
void line_add_cut(struct line *l, struct span s);

/* Follows each word of a command that is kept as one text. */
enum { TEXT_WORD_END = 0x1f };

#endif
