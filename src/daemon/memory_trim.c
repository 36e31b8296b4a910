#include "memory_trim.h"

#include "dsp/system/clock.h"
#include "dsp/system/process.h"

enum {
	QUIET_MS = 1000, /* without an event for so long, free memory is given back */
	MANY = 16,       /* when so many connections have gone, and half of all: at once */
};

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
	process_give_back_memory();
	t->done = quiet;
	t->most = connections;
}

int trim_wait(const struct trim *t, uint64_t now, int wait)
{
	return t->done ? wait : clock_earlier(wait, now, t->active_at + QUIET_MS);
}
