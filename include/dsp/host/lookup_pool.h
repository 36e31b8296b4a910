/*
 * A few threads that run lookups for the serving loop, each lookup within a deadline. A thread that
 * a hung file system holds cannot be ended: it is written off, another takes its place, and what
 * would wait for the same file system is refused, so that nobody else is held up. Of these
 * functions all are for one thread, the loop's, and none of them waits, but lookup_pool_close a moment.
 */
#ifndef DSP_LOOKUP_POOL_H
#define DSP_LOOKUP_POOL_H

#include <stdbool.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"
#include "dsp/host/mount_lookup.h"

enum {
	POOL_THREADS = 4,        /* that are not held up */
	POOL_HELD_MOST = 32,     /* that are */
	POOL_QUEUE_MOST = 1024,  /* lookups that wait for a thread */
	POOL_DEADLINE_MS = 2000, /* from lookup_pool_submit to the end of a lookup */
};

struct lookup_pool;

/* How a lookup ended. */
struct lookup_result {
	void *tag;          /* as it was submitted */
	bool in_time;       /* false: the lookup is still running, and must not be read */
	struct span source; /* then: the source that it waits for; it lives as long as the lookup */
};

/* look: mount_lookup_run, or a test's. Threads begin when there is work. NULL and e on error. */
struct lookup_pool *lookup_pool_new(void (*run)(struct mount_lookup *l), struct err *e)
	__attribute__((warn_unused_result));

/* A descriptor that is readable when lookup_pool_next has something. */
int lookup_pool_fd(const struct lookup_pool *p);

/*
 * Runs l, which gets one more owner until then. -1: refused at once; meets is then the source whose
 * file system is known to hang, or empty: too many wait already, or memory ran out.
 */
MUST_USE int lookup_pool_submit(
	struct lookup_pool *p, struct mount_lookup *l, void *tag, struct span *meets);

/* The next lookup that has ended or is out of time; false: there is none. */
bool lookup_pool_next(struct lookup_pool *p, struct lookup_result *ret);

/* Milliseconds until lookup_pool_next should be called even if the descriptor is silent; -1: never. */
int lookup_pool_timeout(struct lookup_pool *p);

/* Nobody waits for this one any more: it will not be taken. */
void lookup_pool_cancel(struct lookup_pool *p, const void *tag);

/* Results that were not taken are lost. Threads that are held up stay until they come back. */
void lookup_pool_close(struct lookup_pool *p);

#endif
