#include "body_buffer.h"

#include <string.h>

#include "dsp/core/base/mem.h"

enum {
	GROWTH = 4,        /* each new room, as a multiple of the one before */
	SMALL = 64 * 1024, /* bodies up to this size */
	SMALL_SHARE = 16,  /* have one sixteenth of the budget for themselves */
};

void body_buffer_begin(struct body_buffer *in, size_t max)
{
	*in = (struct body_buffer){ .max = max, .top = max };
}

void body_buffer_expect(struct body_buffer *in, uint64_t claimed)
{
	if (in->max == 0 || in->fault != BODY_FINE)
		return;
	if (claimed > in->max)
		in->fault = BODY_TOO_BIG;
	else
		in->top = (size_t)claimed;
}

void body_buffer_free(struct body_buffer *in, struct body_budget *budget)
{
	mem_free(in->bytes);
	budget->used -= in->room;
	in->bytes = NULL;
	in->len = 0;
	in->room = 0;
}

/* The first piece is mostly the whole body, so it gets exactly its room. */
static size_t room_for(const struct body_buffer *in, size_t need)
{
	size_t room = need;

	if (in->room > 0) {
		room = in->room * GROWTH;
		if (room > in->top)
			room = in->top;
		if (room < need)
			room = need;
	}
	return room;
}

/* Slow clients with big bodies cannot use up what the many small requests need. */
static size_t budget_left(const struct body_budget *budget, size_t room)
{
	size_t kept = room > SMALL ? budget->limit / SMALL_SHARE : 0;

	return budget->limit - kept > budget->used ? budget->limit - kept - budget->used : 0;
}

static enum body_fault grow(struct body_buffer *in, struct body_budget *budget, size_t need)
{
	size_t room = room_for(in, need);
	char *bytes;

	if (room - in->room > budget_left(budget, room))
		return BODY_NO_ROOM;
	bytes = mem_resize(in->bytes, room);
	if (!bytes)
		return BODY_NO_MEMORY;
	budget->used += room - in->room;
	in->bytes = bytes;
	in->room = room;
	return BODY_FINE;
}

void body_buffer_append(
	struct body_buffer *in, struct body_budget *budget, const char *bytes, size_t n)
{
	if (in->max == 0 || in->fault != BODY_FINE || n == 0)
		return;
	if (n > in->max - in->len)
		in->fault = BODY_TOO_BIG;
	else if (n > in->room - in->len)
		in->fault = grow(in, budget, in->len + n);
	if (in->fault != BODY_FINE) {
		body_buffer_free(in, budget);
		return;
	}
	memcpy(in->bytes + in->len, bytes, n);
	in->len += n;
}
