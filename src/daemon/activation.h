/*
 * The listening socket that a service manager has made before and hands over (sd_listen_fds(3)):
 * descriptor 3, announced by LISTEN_PID and LISTEN_FDS. It trusts the manager to have made it with
 * the right modes, and checks that dockerd can reach it: a stream, listening, at a path.
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
 * To be called once, first of all: the variables are taken out of the environment. 1: a socket was
 * handed over, and *ret is it. 0: none was, or it is meant for another process. -1 and e: what was
 * handed over cannot be served.
 */
MUST_USE int activation_take(struct activation *ret, struct err *e);

#endif
