/* The conditions that all observed requests met: what "require" or DSP_REQUIRE may demand. */
#ifndef DSP_LEARN_REQUIRE_H
#define DSP_LEARN_REQUIRE_H

#include <jansson.h>

#include "dsp/learn/observations.h"

/*
 * An object as "require" of a rule has it: the keys that each request of a rule met that can meet
 * them (SIZE_MAX: all requests). Bounds are rounded up to the next power of two. It may be empty;
 * the caller owns it.
 */
json_t *learn_require(const struct observations *all, size_t rule);

/* Writes such an object as DSP_REQUIRE has it: "memory=1g user=non-root read_only". */
void learn_require_write(json_t *require, char *out, size_t cap);

#endif
