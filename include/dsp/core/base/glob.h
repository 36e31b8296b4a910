/* Globs, in which "*" stands for any bytes, also none, and every other byte for itself. */
#ifndef DSP_GLOB_H
#define DSP_GLOB_H

#include <stdbool.h>

#include "dsp/core/base/span.h"

/* Whether a glob matches the whole text. Takes time of glob.n * text.n at most. */
bool glob_matches(struct span glob, struct span text);

/*
 * Whether a glob matches some text that begins with text, the byte c, and goes on without any byte
 * of stop.
 */
bool glob_may_match(struct span glob, struct span text, char c, const char *stop);

#endif
