/* What the unit tests share: cmocka, a die that falls the same in each run, exact copies. */
#ifndef DSP_UNIT_H
#define DSP_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsp/core/base/span.h"

/* A number below n, the same sequence in every run (xorshift). */
static inline size_t die(size_t n)
{
	static uint32_t state = 2463534242U;

	state ^= state << 13 & 0xffffffffU;
	state ^= state >> 17;
	state ^= state << 5 & 0xffffffffU;
	return state % n;
}

/* n bytes on the heap and not one more, so that the sanitizer sees a step beyond them. */
static inline char *exactly(const void *bytes, size_t n)
{
	char *copy = malloc(n > 0 ? n : 1);

	assert_non_null(copy);
	if (n > 0 && bytes)
		memcpy(copy, bytes, n);
	return copy;
}

/* A copy on the heap with " for each ', so that JSON can be read in C. */
static inline char *quoted(const char *text)
{
	char *copy = text ? exactly(text, strlen(text) + 1) : NULL;

	for (char *c = copy; c && *c; c++)
		*c = *c == '\'' ? '"' : *c;
	return copy;
}

/* n bytes of which each is one of alphabet's; on the heap. */
static inline char *some_of(const char *alphabet, size_t n)
{
	size_t letters = strlen(alphabet);
	char *text = exactly(NULL, n);

	for (size_t i = 0; i < n; i++)
		text[i] = alphabet[die(letters)];
	return text;
}

#endif
