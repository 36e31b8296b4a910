/*
 * dsp-resolve's loop. Each connection gets a process of its own, which reads one request, does one
 * GET and writes one answer: a hostile answer of dockerd meets a process that knows nothing else
 * and ends right after.
 */
#ifndef DSP_RESOLVE_SERVER_H
#define DSP_RESOLVE_SERVER_H

#include "dsp/core/base/err.h"

enum {
	RESOLVE_PROCESSES_MOST = 16, /* at once; more connections wait */
	RESOLVE_DOCKER_MS = 8000,    /* for dockerd's answer */
	RESOLVE_SECONDS = 10,        /* for one connection, from accept to end */
};

/*
 * Serves listen_fd for ever. docker: the path of dockerd's API socket. -1 and e: it cannot serve.
 */
MUST_USE int resolve_server_run(int listen_fd, const char *docker, struct err *e);

#endif
