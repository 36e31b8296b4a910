/*
 * How a managed plugin gives up its rights. Docker starts it as root, with Docker's default
 * capabilities and without a system call filter, whatever its config.json says. Each step is
 * checked; -1 means that dspd must not serve.
 */
#ifndef DSP_SANDBOX_H
#define DSP_SANDBOX_H

#include "dsp/core/base/err.h"

/*
 * The user and group that dspd becomes. Nobody else may have this number: without a user namespace
 * a process with it on the host could kill dspd. Neither Debian nor systemd gives out 65520 to
 * 65533; containers often run as 65532 and 65534.
 */
enum { SANDBOX_ID = 65523 };

/*
 * Call it first, as root. Closes all but the standard descriptors, and lets other users pass the
 * root directory, which dockerd creates with mode 0700.
 */
MUST_USE int sandbox_prepare(struct err *e);

/*
 * Call it when the socket is bound, before there are threads. Drops groups, user, all capabilities
 * for good, new privileges and core dumps, and installs the system call filter (seccomp.h).
 */
MUST_USE int sandbox_enter(struct err *e);

#endif
