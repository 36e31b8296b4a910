/*
 * A Docker client that reaches no Docker: it runs beside a private socket, without a network and
 * without the unix sockets of this host.
 */
#ifndef DSP_CLIENT_PROCESS_H
#define DSP_CLIENT_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "dsp/core/base/err.h"

/* A directory of mode 0700 with a socket of mode 0600 that listens, and a file. */
struct client_place {
	char directory[32];
	char socket[48];
	char nothing[48]; /* what stands in the place of every other socket: nobody listens there */
	int listener;     /* non-blocking; -1: not made, or given away */
};

/* -1 and e. Call client_place_remove in any case; it may be called twice. */
MUST_USE int client_place_make(struct client_place *p, struct err *e);
void client_place_remove(struct client_place *p);

/*
 * Starts a program (argv ends with NULL) in name spaces of its own: without a network, and with the
 * private socket, or nothing, over each unix socket that listens on this host. Its environment
 * names the private socket. quiet_output: its standard output is our standard error. Returns its
 * id; -1 and e: it cannot be kept from Docker, or not started, and does not run.
 */
MUST_USE pid_t client_process_start(
	const struct client_place *p, char *const *argv, bool quiet_output, struct err *e);

#endif
