/* SHA-256 digests: dsp keeps tokens as digests, and reports which policy file it loaded by one. */
#ifndef DSP_DIGEST_H
#define DSP_DIGEST_H

#include <stdbool.h>

#include "dsp/core/base/span.h"

enum {
	DIGEST_SIZE = 32, /* bytes */
	DIGEST_ROOM = 72, /* "sha256:", 64 hex digits, terminated */
};

/* A digest of bytes that come in pieces. */
struct digest_sum {
	_Alignas(8) unsigned char room[160];
};

void digest_begin(struct digest_sum *sum);
void digest_add(struct digest_sum *sum, struct span piece);
void digest_end(struct digest_sum *sum, unsigned char digest[DIGEST_SIZE]);

/* The SHA-256 of text. */
void digest_of(struct span text, unsigned char digest[DIGEST_SIZE]);

/* Writes the SHA-256 of text as "sha256:..."; terminated. */
void digest_write(struct span text, char out[DIGEST_ROOM]);

/* Parses "sha256:" and 64 of 0-9 a-f. False: text is anything else, and digest is undefined. */
bool digest_parse(struct span text, unsigned char digest[DIGEST_SIZE]);

/* Compares in constant time. */
bool digest_equal(const unsigned char a[DIGEST_SIZE], const unsigned char b[DIGEST_SIZE]);

#endif
