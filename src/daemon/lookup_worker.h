/* dspd's end of a process that looks up: sends a request and receives replies, and never blocks. */
#ifndef DSP_LOOKUP_WORKER_H
#define DSP_LOOKUP_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "dsp/core/base/err.h"
#include "dsp/host/host_tables.h"
#include "dsp/host/mount_lookup.h"
#include "lookup_stream.h"

struct lookup_worker {
	int fd; /* -1: there is no process */
	int wake;
	struct lookup_place *place;
	void *job;            /* its owner's; NULL: it waits */
	bool begun;           /* it has said that it is ready */
	bool used;            /* it has looked up, and may have ended since */
	unsigned long before; /* processes that were ready when this one was asked for */

	/* the request, and the replies that have come */
	struct mount_lookup *lookup;
	char *request;
	size_t length;
	size_t sent;
	size_t got;
	struct lookup_reply replies[4];
};

/*
 * Takes over fd, which can be -1, and watches it in the epoll set wake, whose events are for w.
 * place: where the process writes which source it is at. -1 and errno: it is closed.
 */
MUST_USE int lookup_worker_open(
	struct lookup_worker *w, int fd, struct lookup_place *place, int wake);

/*
 * Gives it a look-up, borrowed until lookup_worker_part. Returns 0, or an errno value: the look-up
 * has failed.
 */
MUST_USE int lookup_worker_begin(
	struct lookup_worker *w, struct mount_lookup *l, const struct host_tables *tables);

/*
 * An event of epoll, while it has a look-up. True: that has ended, and *end says how. EPIPE and
 * ECONNRESET: the process has.
 */
bool lookup_worker_go_on(struct lookup_worker *w, uint32_t events, struct lookup_end *end);

/* It has no look-up any more. */
void lookup_worker_part(struct lookup_worker *w);

/* The process ends when it sees this; until then it can write nonsense to its place. */
void lookup_worker_close(struct lookup_worker *w);

#endif
