/*
 * The plugin socket in the file system: created with the right modes, never taken from a process
 * that serves there, and removed at the end if it is still ours.
 */
#ifndef DSP_PLUGIN_SOCKET_H
#define DSP_PLUGIN_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include "dsp/core/base/err.h"

struct plugin_socket {
	int fd;           /* listening, non-blocking, close-on-exec; -1 when closed */
	const char *path; /* borrowed from the caller */
	dev_t dev;        /* of the socket file that we created */
	ino_t ino;
};

/*
 * Creates missing directories (0700), replaces a stale socket, binds with mode 0600, listens.
 * path must outlive ret. -1 and e (which names the path): another process serves there, a file that
 * is not a socket is in the way, or any other error.
 */
MUST_USE int plugin_socket_open(const char *path, struct plugin_socket *ret, struct err *e);

/* Removes the socket file if it is still the one that we created. Safe to call twice. */
void plugin_socket_unlink(struct plugin_socket *l);

/* plugin_socket_unlink and close. */
void plugin_socket_close(struct plugin_socket *l);

#endif
