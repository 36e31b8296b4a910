/* Docker's and containerd's sockets as /proc tells: those on which dockerd listens, and by name. */
#ifndef DSP_LISTENING_H
#define DSP_LISTENING_H

#include <sys/types.h>

#include "dsp/err.h"

/*
 * Calls see with the absolute path of each unix socket that process listens on; of 32 at most.
 * -1 when memory ran out; what may not be read is passed over.
 */
MUST_USE int listening_own(pid_t process, void (*see)(void *ctx, const char *path), void *ctx);

/* The same, and then those of its network's name space that are called as Docker's are. */
MUST_USE int listening_sockets(pid_t process, void (*see)(void *ctx, const char *path), void *ctx);

#endif
