/*
 * What became of a request (AuthZRes), parsed piece by piece as its bytes come: the bodies in it
 * may be of any size, and nothing of them is kept but the id of a new container, and what struct
 * authz_more asks for. Pure. What cannot be parsed is no outcome, and never an error.
 *
 * Keeping the first bytes for json_reader would need as many as a whole request: dockerd writes the
 * request's body before the status (moby pkg/authorization/api.go), so with a body of 4 MiB the
 * status stands at byte 5,592,496. This parser needs 4,328 bytes for any of them.
 */
#ifndef DSP_AUTHZ_RESPONSE_H
#define DSP_AUTHZ_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>

#include "dsp/core/base/span.h"
#include "dsp/core/parse/request.h"
#include "dsp/core/record/audit_record.h"

enum {
	AUTHZ_RESPONSE_TEXTS = 3,
	AUTHZ_RESPONSE_ROOM = 4096,
	AUTHZ_RESPONSE_MORE = 128 << 10, /* of headers; and of 64 KiB of a response in base64 */
	AUTHZ_RESPONSE_KEY = 24,
	AUTHZ_RESPONSE_BODY = 96 /* {"Id":"64 digits" in base64 */
};

/* A text that grows, up to a limit. */
struct authz_text {
	char *text;
	size_t n, room;
	bool lost; /* it is longer than the limit, or there was no memory */
};

/* What a request does to things that have an owner. */
enum authz_deed {
	AUTHZ_OTHER,
	AUTHZ_MAKES_CONTAINER,
	AUTHZ_MAKES_NETWORK,
	AUTHZ_MAKES_VOLUME,
	AUTHZ_PRUNES,
};

/* More of a request: who sent it, and, of those that make or prune, what came. */
struct authz_more {
	/* What the caller asks for. */
	bool makers; /* requests that may make, remove or rename a thing; of all but GET and HEAD */
	struct span target_end; /* those whose target ends so, but for what came; empty: none */
	/* What it is. */
	enum authz_deed deed;      /* the response's body is kept, unless AUTHZ_OTHER */
	bool wanted;               /* else nothing is kept */
	struct authz_text headers; /* RequestHeaders, an object as JSON; empty: there are none */
	struct authz_text certificates; /* RequestPeerCertificates, a list; empty: there are none */
	struct authz_text body;         /* ResponseBody, in base64 */
};

struct authz_response {
	struct authz_more *more; /* borrowed; NULL: not wanted */
	int state;
	bool escaped;   /* a backslash was the last byte of a string */
	bool in_string; /* of a value that is skipped */
	bool failed;
	bool enough; /* all but the id of a created container has been parsed */
	bool done;   /* that too */
	size_t depth;
	char key[AUTHZ_RESPONSE_KEY];
	size_t key_n;
	int field; /* of the value at hand: a text, or -1: the status, -2: none, -3: the body */
	size_t at[AUTHZ_RESPONSE_TEXTS]; /* where in text each begins, at its quote; 0: absent */
	size_t end[AUTHZ_RESPONSE_TEXTS];
	unsigned status;
	char body[AUTHZ_RESPONSE_BODY]; /* the start of the answer to a create; base64 */
	size_t body_n;
	size_t n;
	char text[AUTHZ_RESPONSE_ROOM]; /* as JSON has them */
};

/*
 * Starts a message. more (may be NULL) is zeroed but for what it asks for, outlives s, and gets
 * that; the caller calls authz_more_free.
 */
void authz_response_begin(struct authz_response *s, struct authz_more *more);

/* Parses the next bytes of it. */
void authz_response_parse(struct authz_response *s, struct span piece);

/*
 * Ends the message and sets all of *ret but pair and decision; its spans point into s, whose texts
 * are decoded in place. False: it could not be parsed, or a field is longer than is kept.
 */
bool authz_response_end(struct authz_response *s, struct request_outcome *ret);

/*
 * Why the AuthZRes of this request could not be parsed, or its headers not be kept as a whole: what
 * is too long, and to what it must be shortened. NULL: they can.
 */
const char *authz_response_obstacle(const struct request *rq);

/*
 * Sets in rq who sent the request, but for its user: token, peer and certificate. False: that
 * cannot be parsed, or is not kept as a whole. Only once: the texts are decoded in place.
 */
bool authz_more_sender(struct authz_more *more, struct request *rq);

/* The response's body, decoded in place, once. False: it is not kept as a whole, or not base64. */
bool authz_more_body(struct authz_more *more, char **body, size_t *n);

void authz_more_free(struct authz_more *more);

#endif
