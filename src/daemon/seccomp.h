/*
 * A filter that refuses the system calls which dspd never makes and an intruder would like: new
 * programs, new code, other namespaces and mounts, other processes' memory, other sockets than
 * unix ones, and the parts of the kernel with a history. It names what is refused, not what is
 * allowed: a new libc or libmicrohttpd must not end the daemon that all of Docker waits for.
 */
#ifndef DSP_SECCOMP_H
#define DSP_SECCOMP_H

#include "dsp/core/base/err.h"

/*
 * For this thread and all that it starts, for good; new privileges must be given up before. A
 * refused call fails with EPERM. -1 and e on error.
 */
MUST_USE int seccomp_restrict(struct err *e);

#endif
