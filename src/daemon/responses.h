/* Replies as libmicrohttpd's responses. One with static text is built once and kept. */
#ifndef DSP_RESPONSES_H
#define DSP_RESPONSES_H

#include <stdbool.h>
#include <stddef.h>

#include "dsp/core/base/err.h"
#include "reply.h"

struct MHD_Connection;
struct MHD_Response;

enum { RESPONSES_FIXED = 16 };

struct responses {
	struct {
		const char *text;
		struct MHD_Response *response;
	} fixed[RESPONSES_FIXED];
	size_t count;
};

/* Builds the reply for when memory runs out. -1 and e: it already has. */
MUST_USE int responses_init(struct responses *all, struct err *e);

/*
 * Queues r on the connection, and frees what r owns. last: the connection ends after it. False: cut
 * the connection.
 */
bool responses_queue(
	struct responses *all, struct MHD_Connection *c, const struct reply *r, bool last);

void responses_free(struct responses *all);

#endif
