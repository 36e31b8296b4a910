/*
 * A list of the system calls that a process may make; all others fail with EPERM. For the small
 * programs that do one thing: dsp-resolve and the look-up process. dspd itself has a list of what
 * it may not do (daemon/seccomp.c).
 */
#ifndef DSP_SYSCALL_FILTER_H
#define DSP_SYSCALL_FILTER_H

#include <stddef.h>
#include <stdint.h>

#include "dsp/core/base/err.h"

/* A call that is allowed when the bits of mask in one argument have this value. */
struct syscall_condition {
	int call;
	unsigned argument;
	uint64_t mask;
	uint64_t value;
};

/* What a process may do besides running: memory, threads, signals, its clock, open descriptors. */
struct syscall_filter {
	const int *allowed;
	size_t allowed_count;
	const struct syscall_condition *conditions;
	size_t condition_count;
	/* Fails with ENOSYS, so that its caller takes another way; -1: none. clone3 always does. */
	int missing;
};

/* For this process and all that it starts, for good. -1 and e: nothing is restricted. */
MUST_USE int syscall_filter_install(const struct syscall_filter *f, struct err *e);

#endif
