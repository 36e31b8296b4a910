/*
 * One API request as dockerd shows it to a plugin. Everything is borrowed from the question's
 * text; only the base64 of the body may be changed, once, by decoding it in place.
 */
#ifndef DSP_REQUEST_H
#define DSP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "dsp/core/base/span.h"

struct request {
	struct span method;
	struct span target;
	struct span user; /* TLS common name; empty on a plain socket */

	/* The last header of each name: that is what dockerd shows. */
	bool has_content_type;
	bool has_content_length;
	struct span content_type;
	struct span content_length;

	/* X-Dsp-Token: a secret, never shown. */
	bool has_token;
	struct span token;

	char *body64; /* valid base64, body64_len bytes; NULL: no body was shown */
	size_t body64_len;
};

#endif
