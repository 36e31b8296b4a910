/*
 * One HTTP request over a unix socket, from dsp's commands to dspd and dockerd, and from
 * dsp-resolve to dockerd. The server may be slow, hung or another program: every wait ends, and
 * every response is bounded (8 MiB).
 */
#ifndef DSP_HTTP_CLIENT_H
#define DSP_HTTP_CLIENT_H

#include <jansson.h>
#include <stddef.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

struct http_reply {
	int status; /* 100 to 999 */
	char *text; /* the whole response, owned */
	const char *body;
	size_t len; /* of body */
};

struct http_request {
	const char *target; /* as it stands */
	const char *token;  /* sent in X-Dsp-Token; NULL: none */
	struct span body;   /* of a POST */
	unsigned wait_ms;
};

/*
 * Sends GET, or POST with a body of at most 64 KiB, of target (as it stands) to the server that
 * listens on the socket's path. It is HTTP/1.0: the response ends with the connection. On 0 the
 * caller frees ret with http_reply_free. -1 and e, one line that begins with the path, with e->code
 * ENOENT or ECONNREFUSED when no process listens, ETIMEDOUT when no whole response came within
 * wait_ms.
 */
MUST_USE int http_client_get(const char *path, const char *target, unsigned wait_ms,
	struct http_reply *ret, struct err *e);
MUST_USE int http_client_get_as(
	const char *path, const struct http_request *q, struct http_reply *ret, struct err *e);
MUST_USE int http_client_post(
	const char *path, const struct http_request *q, struct http_reply *ret, struct err *e);

void http_reply_free(struct http_reply *r);

/* The body as a JSON object or array; the caller calls json_decref. NULL: it is neither. */
json_t *http_reply_json(const struct http_reply *r);

/*
 * Asks an endpoint of dspd, and returns its JSON object; the caller calls json_decref. status gets
 * the HTTP status; where it is NULL, any but 200 is an error. NULL and e.
 */
json_t *http_client_ask_dsp(
	const char *path, const char *target, unsigned wait_ms, int *status, struct err *e);

/* The same, with a body. */
json_t *http_client_send_dsp(
	const char *path, const struct http_request *q, int *status, struct err *e);

#endif
