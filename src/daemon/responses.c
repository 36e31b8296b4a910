#include "responses.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdint.h>

#include "dsp/core/base/mem.h"

#define NO_MEMORY "{\"Err\":\"dsp is out of memory\"}"

static const struct reply no_memory = {
	.status = 500,
	.text = NO_MEMORY,
	.len = sizeof(NO_MEMORY) - 1,
};

static struct MHD_Response *build(const struct reply *r, bool last)
{
	struct MHD_Response *built;

	if (r->owned)
		built = MHD_create_response_from_buffer_with_free_callback(
			r->len, r->owned, mem_free);
	else
		built = MHD_create_response_from_buffer(
			r->len, (void *)(uintptr_t)r->text, MHD_RESPMEM_PERSISTENT);
	if (!built) {
		mem_free(r->owned);
		return NULL;
	}
	if (MHD_add_response_header(built, "Content-Type", "application/json") != MHD_YES ||
		(last && MHD_add_response_header(built, "Connection", "close") != MHD_YES)) {
		MHD_destroy_response(built);
		return NULL;
	}
	return built;
}

static struct MHD_Response *find_fixed(struct responses *all, const struct reply *r)
{
	struct MHD_Response *built;

	for (size_t i = 0; i < all->count; i++) {
		if (all->fixed[i].text == r->text)
			return all->fixed[i].response;
	}
	built = all->count < RESPONSES_FIXED ? build(r, false) : NULL;
	if (built) {
		all->fixed[all->count].text = r->text;
		all->fixed[all->count++].response = built;
	}
	return built;
}

int responses_init(struct responses *all, struct err *e)
{
	all->count = 0;
	return find_fixed(all, &no_memory) ? 0 : FAIL(e, ENOMEM, "libmicrohttpd");
}

bool responses_queue(
	struct responses *all, struct MHD_Connection *c, const struct reply *r, bool last)
{
	struct MHD_Response *response = r->owned || last ? NULL : find_fixed(all, r);
	bool queued;

	if (response)
		return MHD_queue_response(c, r->status, response) == MHD_YES;
	response = build(r, last);
	if (!response)
		return MHD_queue_response(c, no_memory.status, find_fixed(all, &no_memory)) ==
			MHD_YES;
	queued = MHD_queue_response(c, r->status, response) == MHD_YES;
	MHD_destroy_response(response);
	return queued;
}

void responses_free(struct responses *all)
{
	for (size_t i = 0; i < all->count; i++)
		MHD_destroy_response(all->fixed[i].response);
	all->count = 0;
}
