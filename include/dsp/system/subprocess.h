/* Runs another program and collects what it prints. */
#ifndef DSP_SUBPROCESS_H
#define DSP_SUBPROCESS_H

#include <stddef.h>

#include "dsp/core/base/err.h"

/*
 * Runs the program argv[0] (a path) with these arguments, an empty standard input and no
 * environment but PATH. output gets what it prints to both streams, terminated, cut at cap. Returns
 * its exit status, or 128 + the signal that ended it. -1 and e: it could not be run, or it was
 * killed after wait_ms.
 */
MUST_USE int subprocess_run(
	const char *const *argv, unsigned wait_ms, char *output, size_t cap, struct err *e);

#endif
