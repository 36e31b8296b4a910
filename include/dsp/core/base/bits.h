/* Sets of small numbers, a bit for each. */
#ifndef DSP_BITS_H
#define DSP_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Words for a set of the numbers below n. */
static inline size_t bits_words(size_t n)
{
	return (n + 63) / 64;
}

static inline bool bit_of(const uint64_t *bits, size_t i)
{
	return (bits[i / 64] >> (i % 64)) & 1;
}

static inline void bit_set(uint64_t *bits, size_t i)
{
	bits[i / 64] |= (uint64_t)1 << (i % 64);
}

#endif
