/* Base64 as Go's encoding/json writes a []byte (RFC 4648 section 4): standard alphabet, padded. */
#ifndef DSP_B64_H
#define DSP_B64_H

#include <stdbool.h>

#include "dsp/core/base/span.h"

/* Whether text is strict base64: alphabet, padding, length, and unused bits are 0. */
bool b64_valid(struct span text);

/* The number of bytes that a valid text encodes. */
size_t b64_decoded_length(struct span text);

/* Decodes a valid text in place: the bytes replace the start of text. Returns their number. */
size_t b64_decode(char *text, size_t n);

/* The number of bytes of the text that encodes n bytes. */
size_t b64_encoded_length(size_t n);

/*
 * Checks as b64_valid does and decodes as b64_decode does, in one pass and without libb64, for the
 * bodies of all requests. False: the text is not valid, and its start may have changed.
 */
bool b64_decode_strict(char *text, size_t n, size_t *ret);

/* Encodes in; terminated, the caller frees it with mem_free. NULL without memory. */
char *b64_encode(struct span in) __attribute__((warn_unused_result));

#endif
