/* Runs another program and collects what it prints. */
#ifndef DSP_SUBPROCESS_H
#define DSP_SUBPROCESS_H

#include <stddef.h>
#include <sys/types.h>

#include "dsp/core/base/err.h"

/*
 * Runs the program argv[0] (a path) with these arguments, an empty standard input and no
 * environment but PATH. output gets what it prints to both streams, terminated, cut at cap. Returns
 * its exit status, or 128 + the signal that ended it. -1 and e: it could not be run, or it was
 * killed after wait_ms.
 */
MUST_USE int subprocess_run(
	const char *const *argv, unsigned wait_ms, char *output, size_t cap, struct err *e);

struct subprocess {
	pid_t pid;
	int output; /* a pipe from its standard output; the caller closes it */
};

/* Starts a program in the same way, but its standard error is ours. -1 and e. */
MUST_USE int subprocess_start(const char *const *argv, struct subprocess *ret, struct err *e);

/* Waits until it has ended; its status, as subprocess_run returns it. */
int subprocess_end(const struct subprocess *p);

#endif
