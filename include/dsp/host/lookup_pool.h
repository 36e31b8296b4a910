/*
 * A few threads that run look-ups for the event loop, each within a deadline. A thread that a hung
 * file system blocks cannot be ended: another takes its place, and look-ups that would wait for the
 * same file system are refused, so that other requests go on. Call all of these from the event loop
 * only. None blocks, except lookup_pool_close (at most 100 ms).
 */
#ifndef DSP_LOOKUP_POOL_H
#define DSP_LOOKUP_POOL_H

#include <stdbool.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"
#include "dsp/host/mount_lookup.h"

enum {
	POOL_THREADS = 4,        /* that are not blocked */
	POOL_HELD_MOST = 32,     /* that are blocked */
	POOL_QUEUE_MOST = 1024,  /* look-ups that wait for a thread */
	POOL_DEADLINE_MS = 2000, /* from lookup_pool_submit to the end of a lookup */
};

struct lookup_pool;

/* How a look-up ended. */
struct lookup_result {
	void *tag;          /* as it was submitted */
	bool in_time;       /* false: the look-up still runs, and must not be read */
	struct span source; /* where it is late: the source it waits for; lives with the look-up */
};

/* run: mount_lookup_run, or a test's. Threads start when there is work. NULL and e on error. */
struct lookup_pool *lookup_pool_new(void (*run)(struct mount_lookup *l), struct err *e)
	__attribute__((warn_unused_result));

/* A descriptor that is readable when lookup_pool_next has a result. */
int lookup_pool_fd(const struct lookup_pool *p);

/*
 * Queues l, which gets one more owner until it has run. -1: refused at once; meets is then the
 * source whose file system is known to hang, or empty: too many wait already, or memory ran out.
 */
MUST_USE int lookup_pool_submit(
	struct lookup_pool *p, struct mount_lookup *l, void *tag, struct span *meets);

/* The next look-up that has ended or is late; false: none. */
bool lookup_pool_next(struct lookup_pool *p, struct lookup_result *ret);

/* In how many ms to call lookup_pool_next even if the descriptor is not readable; -1: never. */
int lookup_pool_timeout(struct lookup_pool *p);

/* Nobody waits for this look-up any more: lookup_pool_next will not return it. */
void lookup_pool_cancel(struct lookup_pool *p, const void *tag);

/* Drops all results. Blocked threads live on until they return. NULL is fine. */
void lookup_pool_close(struct lookup_pool *p);

#endif
