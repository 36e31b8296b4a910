/* An answer to one request: an HTTP status and a JSON text, or a text for monitoring. */
#ifndef DSP_REPLY_H
#define DSP_REPLY_H

#include <stddef.h>

#include "dsp/core/base/span.h"

struct reply {
	unsigned status;  /* HTTP status */
	const char *text; /* JSON */
	size_t len;       /* bytes of text */
	/* text when it came from mem_*, to be freed by the server; NULL when text never changes. */
	char *owned;
};

/* A text that lives as long as the process, such as a literal. */
void reply_static(struct reply *ret, unsigned status, struct span text);

/*
 * Status 200 with n bytes of a text from mem_*, which the reply owns from now on. NULL: memory ran
 * out, and the reply is an error that says so.
 */
void reply_owned(struct reply *ret, char *text, size_t n);

/* {"Allow":true} and {"Allow":false,"Msg":message}. */
void reply_allow(struct reply *ret);
void reply_deny(struct reply *ret, const char *message);

/* {"Err":text}. The status is never 200, in which dockerd does not look at Err. */
void reply_error(struct reply *ret, unsigned status, const char *text);

#endif
