/*
 * Replies as libmicrohttpd wants them: the second room, beside server.h, that knows it. Those with
 * static text are built once, as long as there is a place for them.
 */
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

/* Builds what is said when memory runs out later. -1 and e: it has already. */
MUST_USE int responses_init(struct responses *all, struct err *e);

/*
 * Queues r on the connection, which ends with it when it is the last; takes what r owns. false:
 * the connection is to be cut.
 */
bool responses_queue(
	struct responses *all, struct MHD_Connection *c, const struct reply *r, bool last);

void responses_free(struct responses *all);

#endif
