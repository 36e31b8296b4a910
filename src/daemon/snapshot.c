#include "snapshot.h"

#include "dsp/core/base/mem.h"
#include "dsp/system/clock.h"
#include "reload.h"

struct snapshot *snapshot_new(struct config *config, struct reload *reload)
{
	struct snapshot *s = mem_alloc(sizeof(*s));

	if (s)
		*s = (struct snapshot){ .config = config,
			.generation = 1,
			.since_us = clock_date_us(),
			.holders = 1,
			.reload = reload };
	return s;
}

struct snapshot *snapshot_hold(struct snapshot *s)
{
	s->holders++;
	return s;
}

void snapshot_release(struct snapshot *s)
{
	if (!s || --s->holders > 0)
		return;
	reload_discard(s->reload, s->config);
	mem_free(s);
}

void snapshot_replace(struct snapshot **current, struct snapshot *next)
{
	next->generation = (*current)->generation + 1;
	snapshot_release(*current);
	*current = next;
}
