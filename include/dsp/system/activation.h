/*
 * Socket activation: the listening socket that a service manager made and hands over as descriptor
 * 3, announced by LISTEN_PID and LISTEN_FDS (sd_listen_fds(3)). The manager is trusted for the
 * modes of the socket, which must be one that clients can reach: a stream, listening, at a path.
 */
#ifndef DSP_ACTIVATION_H
#define DSP_ACTIVATION_H

#include <sys/un.h>

#include "dsp/core/base/err.h"

struct activation {
	int fd; /* listening, non-blocking, close-on-exec; stays open until the process ends */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1]; /* absolute */
};

/*
 * Call it once, before anything else: it removes the variables from the environment. Returns 1 and
 * *ret: the service manager hands over a socket. 0: it hands over none, or one for another process.
 * -1 and e: the socket cannot be used.
 */
MUST_USE int activation_receive(struct activation *ret, struct err *e);

#endif
