/* Base64 as Go's encoding/json writes a []byte: standard alphabet, padded, nothing else. */
#ifndef DSP_B64_H
#define DSP_B64_H

#include <stdbool.h>

#include "dsp/core/base/span.h"

/* Whether text is well-formed: alphabet, padding, length, and no bits set that mean nothing. */
bool b64_valid(struct span text);

/* How many bytes a valid text holds. */
size_t b64_decoded_length(struct span text);

/* Decodes a valid text in place. The number of bytes, which stand at the start of text. */
size_t b64_decode(char *text, size_t n);

/* The encoded form of in, terminated; the caller frees it with mem_free. NULL without memory. */
char *b64_encode(struct span in) __attribute__((warn_unused_result));

#endif
