/*
 * Fetches the decisions of the running dspd from its endpoint for watchers, again and again.
 * Anything may answer on the socket: replies are checked and bounded.
 */
#ifndef DSP_WATCH_CLIENT_H
#define DSP_WATCH_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "dsp/core/base/span.h"
#include "dsp/protocol/http_client.h"

struct watch_client {
	const char *socket; /* borrowed */
	char cursor[100];   /* where the last reply ended; empty: there was none */
	char instance[32];  /* of the dspd that sent it */
	bool restarted;     /* another instance sent the last reply than the one before */
	bool more;          /* dspd has more lines already */
	bool has_reply;     /* reply must be freed */
	struct http_reply reply;
	struct span rest; /* the reply's lines that watch_client_next has not returned */
};

/*
 * Fetches the lines since the last call; watch_client_next returns them. -1 and e: no answer, no
 * line is lost, call it again later; but with e->code EPROTO what answers is no dspd, or one that
 * cannot be watched.
 */
MUST_USE int watch_client_fetch(struct watch_client *c, struct err *e);

/* The next line, without its end, valid until the next fetch. False: there is none. */
bool watch_client_next(struct watch_client *c, struct span *line);

void watch_client_free(struct watch_client *c);

#endif
