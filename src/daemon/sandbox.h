/*
 * The walls that dsp puts around itself where nobody else does: as a managed plugin it starts as
 * root, with Docker's default capabilities and without a system call filter, whatever its
 * config.json says. Each step is checked, and -1 means that dsp must not serve.
 */
#ifndef DSP_SANDBOX_H
#define DSP_SANDBOX_H

#include "dsp/core/base/err.h"

/*
 * The user and group that dsp becomes. One that nobody else is: neither Debian nor systemd gives
 * out 65520 to 65533, containers often run as 65532 and 65534, and without a user namespace who
 * has our number on the host could kill us.
 */
enum { SANDBOX_ID = 65523 };

/*
 * To be called first, as root: nothing is open but the standard descriptors, and the root directory
 * (which dockerd makes with mode 0700) can be passed by others.
 */
MUST_USE int sandbox_prepare(struct err *e);

/*
 * To be called when the socket is bound, before there are threads: no groups, no user but
 * SANDBOX_ID, no capability that is or can be had, no new privileges, no dumps, and no system
 * call that dsp does not need and an intruder would like.
 */
MUST_USE int sandbox_enter(struct err *e);

#endif
