#include "memory_trim.h"

#include <malloc.h>

#include "dsp/system/clock.h"

enum {
	QUIET_MS = 1000, /* without an event for so long, free memory is given back */
	MANY = 16,       /* when so many connections have gone, and half of all: at once */
};

/*
 * Left alone, glibc takes the size of the largest body it ever freed as the size from which it
 * maps memory, and keeps everything smaller. Fixed limits let big bodies go back at once; the
 * second is wide enough that the bodies of a busy moment do not come and go page by page.
 */
void memory_trim_tune(void)
{
	/* NOLINTBEGIN(concurrency-mt-unsafe): one thread */
	(void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	(void)mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
	/* NOLINTEND(concurrency-mt-unsafe) */
}

void trim_active(struct trim *t, uint64_t now, unsigned connections)
{
	t->active_at = now;
	t->done = false;
	if (connections > t->most)
		t->most = connections;
}

void trim_turn(struct trim *t, uint64_t now, unsigned connections)
{
	bool quiet = !t->done && now >= t->active_at + QUIET_MS;

	if (!quiet && t->most <= 2 * connections + MANY)
		return;
	(void)malloc_trim(0);
	t->done = quiet;
	t->most = connections;
}

int trim_wait(const struct trim *t, uint64_t now, int wait)
{
	return t->done ? wait : clock_earlier(wait, now, t->active_at + QUIET_MS);
}
