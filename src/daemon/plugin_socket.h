/*
 * The plugin socket in the file system: made with the right modes, never stolen from a live
 * server, removed again when it was ours to make.
 */
#ifndef DSP_PLUGIN_SOCKET_H
#define DSP_PLUGIN_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include "dsp/core/base/err.h"

struct listener {
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
MUST_USE int listener_open(const char *path, struct listener *ret, struct err *e);

/* Removes the socket file if it is still the one that we made. Safe to call twice. */
void listener_unlink(struct listener *l);

/* listener_unlink and close. */
void listener_close(struct listener *l);

#endif
