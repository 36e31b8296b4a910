/* The difference between two texts that differ in one place. */
#ifndef DSP_DIFF_H
#define DSP_DIFF_H

#include <stdio.h>

#include "dsp/core/base/span.h"

/* Prints a unified diff of one hunk; nothing if both are the same. */
void diff_print(FILE *to, const char *path, struct span old, struct span new);

#endif
