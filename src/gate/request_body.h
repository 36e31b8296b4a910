/*
 * The body of a client's request, up to its end and not a byte further. Of
 * chunks dockerd gets the bytes, in chunks of the gate's own.
 */
#ifndef DSP_REQUEST_BODY_H
#define DSP_REQUEST_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "request_head.h"

enum {
	/* What request_body_read may write beyond the bytes that it reads: the size of a chunk that
	 * came in pieces, and its end. */
	REQUEST_BODY_MORE = 32,
};

struct request_body {
	enum body_state {
		BODY_ENDED,
		BODY_PLAIN,
		BODY_SIZE,     /* in the line with a chunk's size */
		BODY_SIZE_END, /* before its LF */
		BODY_CHUNK,
		BODY_CHUNK_CR, /* after a chunk */
		BODY_CHUNK_LF,
		BODY_LAST_CR, /* after the chunk of size 0: no trailer may come */
		BODY_LAST_LF,
		BODY_BROKEN, /* something else than a chunk */
	} state;
	uint64_t left; /* bytes of the body, or of the chunk */
	unsigned digits;
};

void request_body_init(struct request_body *b, const struct request_head *head);

/*
 * Reads what it can of in, and returns how many bytes that is: fewer than in.n only when the body
 * has ended or is broken. Writes what dockerd gets of them to out, which has room for in.n +
 * REQUEST_BODY_MORE bytes; *written is their number.
 */
size_t request_body_read(struct request_body *b, struct span in, char *out, size_t *written);

#endif
