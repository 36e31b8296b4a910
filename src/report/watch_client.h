/*
 * The decisions of the dsp that serves, as they come (/Dsp.Watch): it is asked again and again.
 * What answers may be anything: it is checked and bounded.
 */
#ifndef DSP_WATCH_CLIENT_H
#define DSP_WATCH_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "dsp/core/base/span.h"
#include "dsp/protocol/http_client.h"

struct watch_client {
	const char *socket; /* borrowed */
	char cursor[100];   /* empty: it has not been asked yet */
	char instance[32];
	bool restarted; /* since the question before, dsp was started restarted */
	bool more;      /* there is more already */
	bool reads;     /* reply is one whose lines are being taken */
	struct http_reply reply;
	struct span rest; /* of its lines */
};

/*
 * Asks what has come since. 0: watch_client_next has it, line by line. -1 and e: no answer, and nothing is
 * lost by it; with EPROTO: what answers there is not dsp, or none that can be watched.
 */
MUST_USE int watch_client_fetch(struct watch_client *f, struct err *e);

/* A line without its end, valid until the next question. False: there is no more. */
bool watch_client_next(struct watch_client *f, struct span *line);

void watch_client_free(struct watch_client *f);

#endif
