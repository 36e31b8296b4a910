#include "timeline.h"

#include <string.h>

/* The next width: minutes, hours and days in steps that divide each other. */
static int64_t wider(int64_t width)
{
	static const int64_t steps[] = { 60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600,
		86400 };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (steps[i] > width)
			return steps[i];
	}
	return width * 2;
}

/* Merges spans, so that all of them take more time. */
static void widen(struct timeline *t)
{
	struct timeline_span before[TIMELINE_SPANS];
	int64_t width = wider(t->width);
	int64_t start = t->start - t->start % width;

	memcpy(before, t->spans, sizeof(before));
	memset(t->spans, 0, sizeof(t->spans));
	for (size_t i = 0; i < t->used; i++) {
		int64_t at = t->start + (int64_t)i * t->width;
		struct timeline_span *span = &t->spans[(at - start) / width];

		span->allowed += before[i].allowed;
		span->denied += before[i].denied;
	}
	t->used = (size_t)((t->start + (int64_t)(t->used - 1) * t->width - start) / width) + 1;
	t->start = start;
	t->width = width;
}

void timeline_count(struct timeline *t, int64_t seconds, bool denied, uint64_t times)
{
	struct timeline_span *span;
	size_t at;

	if (t->width == 0) {
		t->width = wider(0);
		t->start = seconds - seconds % t->width;
	}
	while (seconds - t->start >= t->width * TIMELINE_SPANS)
		widen(t);
	at = seconds > t->start ? (size_t)((seconds - t->start) / t->width) : 0;
	span = &t->spans[at];
	*(denied ? &span->denied : &span->allowed) += times;
	if (at >= t->used)
		t->used = at + 1;
}
