/*
 * The plugin socket in the file system: made with the right modes, never stolen from a live
 * server, removed again when it was ours to make.
 */
#ifndef DSP_PLUGIN_SOCKET_H
#define DSP_PLUGIN_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include "dsp/core/base/err.h"

struct plugin_socket {
	int fd;           /* listening, non-blocking, close-on-exec; -1 when closed */
	const char *path; /* borrowed from the caller */
	dev_t dev;        /* of the socket file that we made */
	ino_t ino;
};

/*
 * Makes missing directories (0700), replaces a stale socket, binds with mode 0600, listens.
 * path must outlive ret. -1 and e (which names the path) when another process serves there,
 * when something that is no socket is in the way, or on any other error.
 */
MUST_USE int plugin_socket_open(const char *path, struct plugin_socket *ret, struct err *e);

/* Removes the socket file if it is still the one that we made. Safe to call twice. */
void plugin_socket_unlink(struct plugin_socket *l);

/* plugin_socket_unlink and close. */
void plugin_socket_close(struct plugin_socket *l);

#endif
