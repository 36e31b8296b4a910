/* Another program's answer: what it prints, and how it ends. */
#ifndef DSP_SUBPROCESS_H
#define DSP_SUBPROCESS_H

#include <stddef.h>

#include "dsp/core/base/err.h"

/*
 * Runs the program argv[0] (a path) with these arguments, nothing to read and no environment but
 * PATH; output gets what it prints to both streams, terminated, cut at cap. Returns its status,
 * 128 and the signal when one ended it. -1 and e: it could not be run, or took longer than wait_ms
 * and was killed.
 */
MUST_USE int subprocess_run(
	const char *const *argv, unsigned wait_ms, char *output, size_t cap, struct err *e);

#endif
