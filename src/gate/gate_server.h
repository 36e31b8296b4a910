/* Accepts clients, and gives each connection a process of its own, which serves one request. */
#ifndef DSP_GATE_SERVER_H
#define DSP_GATE_SERVER_H

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

enum {
	GATE_CONNECTIONS_MOST = 1536, /* at once, 1024 of one uid; more get 503 */
	GATE_HEAD_MS = 10000,         /* for a whole head */
};

/*
 * Serves the listening socket, with this token, to dockerd on the socket docker; returns only -1
 * and e, when it cannot wait for clients. Ignore SIGPIPE before.
 */
MUST_USE int gate_server_run(int listen_fd, const char *docker, struct span token, struct err *e);

#endif
