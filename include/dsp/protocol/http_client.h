/*
 * One HTTP question over a unix socket, as dsp's own commands ask dsp and dockerd. The other side
 * may be slow, hung or something else: every wait ends, every answer is bounded.
 */
#ifndef DSP_HTTP_CLIENT_H
#define DSP_HTTP_CLIENT_H

#include <jansson.h>
#include <stddef.h>

#include "dsp/core/base/err.h"

struct http_reply {
	int status; /* 100 to 999 */
	char *text; /* all of it, owned */
	const char *body;
	size_t len; /* of body */
};

/*
 * Sends GET or POST of target (as it stands, with an empty body) to the server that listens on the
 * socket's path, as HTTP/1.0: the reply ends with the connection. On 0 the caller frees ret with
 * http_reply_free. -1 and e, one line that begins with the path, with e->code: ENOENT or ECONNREFUSED
 * when nobody listens, ETIMEDOUT when no whole answer came within wait_ms.
 */
MUST_USE int http_client_get(const char *path, const char *target, unsigned wait_ms,
	struct http_reply *ret, struct err *e);
MUST_USE int http_client_post(const char *path, const char *target, unsigned wait_ms,
	struct http_reply *ret, struct err *e);

void http_reply_free(struct http_reply *r);

/* The body as a JSON object or array, for json_decref; NULL: it is neither. */
json_t *http_reply_json(const struct http_reply *r);

/*
 * What an endpoint of dsp answers, an object for json_decref, and with which status; where that is
 * NULL, any but 200 is an error. NULL and e.
 */
json_t *http_client_ask_dsp(
	const char *path, const char *target, unsigned wait_ms, int *status, struct err *e);

#endif
