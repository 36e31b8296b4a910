/*
 * One API request as dockerd shows it to a plugin. All spans point into the text of the AuthZReq
 * message. The text of body may be changed, by parsing it in place.
 */
#ifndef DSP_REQUEST_H
#define DSP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "dsp/core/base/span.h"

struct daemon_facts;

struct request {
	struct span method;
	struct span target;
	struct span user;        /* TLS common name; empty on a plain socket */
	struct span certificate; /* the client's, for certificate_parse; empty: it has none */

	/* Of headers with the same name dockerd shows the last. */
	bool has_content_type;
	bool has_content_length;
	struct span content_type;
	struct span content_length;

	/* X-Dsp-Token: a secret, never logged. */
	bool has_token;
	struct span token;

	/* X-Dsp-Peer: the client of dsp-gate, if the token is its. */
	bool has_peer;
	struct span peer;

	/* Bytes of JSON: of method, target and user with their quotes; and of all headers. */
	size_t texts_n;
	size_t headers_n;

	/* What is known of the dockerd that asks; NULL: dsp guesses. Borrowed. */
	const struct daemon_facts *daemon;

	char *body; /* body_len bytes, at least one; NULL: dockerd showed no body */
	size_t body_len;
};

#endif
