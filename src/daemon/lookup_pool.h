/*
 * Look-ups of mount sources for the event loop: each runs in a process of its own
 * (lookup_process.h), within a deadline. A process that a hung file system blocks is left alone:
 * another takes its place, and look-ups that would wait for the same file system are refused, so
 * that other requests go on. Call all of these from the event loop only. None of them blocks,
 * except lookup_pool_close (at most 100 ms).
 */
#ifndef DSP_LOOKUP_POOL_H
#define DSP_LOOKUP_POOL_H

#include <stdbool.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"
#include "dsp/host/mount_lookup.h"

enum {
	POOL_PROCESSES = 4,      /* that look up and are not blocked; and as many wait */
	POOL_HELD_MOST = 32,     /* that are blocked */
	POOL_QUEUE_MOST = 1024,  /* look-ups that wait for a process */
	POOL_DEADLINE_MS = 2000, /* from lookup_pool_submit to the end of a lookup */
	LOOKUP_PLACES = POOL_PROCESSES + POOL_HELD_MOST + POOL_PROCESSES,
};

struct lookup_pool;

/* How a look-up ended. */
struct lookup_result {
	void *tag;          /* as it was submitted */
	bool in_time;       /* false: the look-up still runs, and must not be read */
	struct span source; /* where it is late: the source it waits for; lives with the look-up */
};

/*
 * open_stream: lookup_process_open, or a test's. wake: an epoll set, which becomes readable when
 * lookup_pool_next may have a result; the pool adds its descriptors to it, and takes their events
 * out. What others have in it is left alone: their data.ptr is NULL, and they are not
 * edge-triggered. NULL and e on error.
 */
struct lookup_pool *lookup_pool_new(int (*open_stream)(size_t place, struct lookup_place **shared),
	int wake, struct err *e) __attribute__((warn_unused_result));

/*
 * Starts l, or queues it; it gets one more owner until it has ended. -1: refused at once; meets is
 * then the source whose file system is known to hang, or empty: too many wait already, or memory
 * ran out.
 */
MUST_USE int lookup_pool_submit(
	struct lookup_pool *p, struct mount_lookup *l, void *tag, struct span *meets);

/* The next look-up that has ended or is late; false: none. */
bool lookup_pool_next(struct lookup_pool *p, struct lookup_result *ret);

/* In how many ms to call lookup_pool_next even if the set is not readable; -1: never. */
int lookup_pool_timeout(const struct lookup_pool *p);

/* Nobody waits for this look-up any more: lookup_pool_next will not return it. */
void lookup_pool_cancel(struct lookup_pool *p, const void *tag);

/* Drops all results, and ends the processes as soon as nothing blocks them. NULL is fine. */
void lookup_pool_close(struct lookup_pool *p);

#endif
