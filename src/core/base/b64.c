/*
 * The only file that uses libb64. Its decoder skips what is not base64 and accepts any length, so
 * callers check a text with b64_valid before they decode it. A body of 70 KB cost 0.2 ms that way,
 * half of its whole decision, so bodies have a decoder of their own.
 */
#include "dsp/core/base/b64.h"

#include <b64/cdecode.h>
#include <b64/cencode.h>
#include <endian.h>
#include <limits.h>
#include <stdint.h>

#include "dsp/core/base/mem.h"

/*
 * The value of a character where it stands among the four, and 1 << 24; 0: it is not of the
 * alphabet. So the sum of four shows whether all are, and holds the three bytes.
 */
#define VALID (1U << 24)
#define CELL(c, n, shift) [c] = ((uint32_t)(n) << (shift) | VALID)
#define ROW4(c, n, s)                                                                              \
	CELL(c, n, s), CELL((c) + 1, (n) + 1, s), CELL((c) + 2, (n) + 2, s),                       \
		CELL((c) + 3, (n) + 3, s)
#define ROW26(c, n, s)                                                                             \
	ROW4(c, n, s), ROW4((c) + 4, (n) + 4, s), ROW4((c) + 8, (n) + 8, s),                       \
		ROW4((c) + 12, (n) + 12, s), ROW4((c) + 16, (n) + 16, s),                          \
		ROW4((c) + 20, (n) + 20, s), CELL((c) + 24, (n) + 24, s),                          \
		CELL((c) + 25, (n) + 25, s)
#define TABLE(s)                                                                                   \
	{                                                                                          \
		ROW26('A', 0, s), ROW26('a', 26, s), ROW4('0', 52, s), ROW4('4', 56, s),           \
			CELL('8', 60, s), CELL('9', 61, s), CELL('+', 62, s), CELL('/', 63, s)     \
	}

static const uint32_t tables[4][256] = { TABLE(18), TABLE(12), TABLE(6), TABLE(0) };

/* 4 * VALID and three bytes; something else: not of the alphabet. */
static uint32_t quad(const char *s)
{
	return tables[0][(unsigned char)s[0]] + tables[1][(unsigned char)s[1]] +
		tables[2][(unsigned char)s[2]] + tables[3][(unsigned char)s[3]];
}

/* The number of '=' at the end of text, at most two. */
static size_t padding(struct span text)
{
	size_t pad = 0;

	while (pad < 2 && pad < text.n && text.s[text.n - 1 - pad] == '=')
		pad++;
	return pad;
}

bool b64_valid(struct span text)
{
	size_t pad = padding(text);
	unsigned unused;
	bool strange = false;

	if (text.n % 4 != 0 || text.n > INT_MAX)
		return false;
	/* cppcheck-suppress knownConditionTrueFalse; it does not follow pad */
	for (size_t i = 0; i < text.n - pad; i++)
		strange |= tables[3][(unsigned char)text.s[i]] == 0;
	if (strange)
		return false;
	if (pad == 0)
		return true;
	/* Before one '=' two bits are unused, before two '=' four: an encoder leaves them 0. */
	unused = pad == 1 ? 3 : 15;
	return (tables[3][(unsigned char)text.s[text.n - 1 - pad]] & unused) == 0;
}

size_t b64_decoded_length(struct span text)
{
	return text.n / 4 * 3 - padding(text);
}

size_t b64_encoded_length(size_t n)
{
	return (n + 2) / 3 * 4;
}

/* What is written, with a byte too many, stays behind what is read: three bytes for each four. */
bool b64_decode_strict(char *text, size_t n, size_t *ret)
{
	size_t pad = padding((struct span){ text, n });
	char last[4] = { 'A', 'A', 'A', 'A' }; /* zeroes in the place of '=' */
	char *out = text;
	uint32_t bits = 4 * VALID;

	if (n % 4 != 0)
		return false;
	if (n > 0)
		memcpy(last, text + n - 4, 4 - pad);
	for (size_t i = 0; i < n; i += 4, out += 3) {
		uint32_t bytes;

		bits = quad(i + 4 < n ? text + i : last);
		if (bits / VALID != 4)
			return false;
		bytes = htobe32(bits << 8);
		memcpy(out, &bytes, sizeof(bytes));
	}
	/* An encoder leaves the bits of absent bytes 0. */
	if ((bits & ((1U << 8 * pad) - 1)) != 0)
		return false;
	*ret = (size_t)(out - text) - pad;
	return true;
}

/*
 * libb64 writes its first byte before it reads the first character; afterwards it stays behind
 * what it has read. So the first four characters are decoded into a buffer, the rest in place.
 */
size_t b64_decode(char *text, size_t n)
{
	base64_decodestate state;
	size_t first = n < 4 ? n : 4;
	char head[4];
	char start[4];
	size_t out;

	memcpy(head, text, first);
	base64_init_decodestate(&state);
	out = (size_t)base64_decode_block(head, (int)first, start, &state);
	if (n > first)
		n = (size_t)base64_decode_block(text + first, (int)(n - first), text + out, &state);
	else
		n = 0;
	memcpy(text, start, out);
	return out + n;
}

char *b64_encode(struct span in)
{
	base64_encodestate state;
	char *out;
	size_t n;

	/* libb64 breaks lines: one byte more for each 72. */
	if (in.n > INT_MAX / 2)
		return NULL;
	out = mem_alloc(in.n / 3 * 4 + in.n / 54 + 16);
	if (!out)
		return NULL;
	base64_init_encodestate(&state);
	n = (size_t)base64_encode_block(in.s, (int)in.n, out, &state);
	n += (size_t)base64_encode_blockend(out + n, &state);
	size_t kept = 0;
	for (size_t i = 0; i < n; i++) {
		if (out[i] != '\n')
			out[kept++] = out[i];
	}
	out[kept] = '\0';
	return out;
}
