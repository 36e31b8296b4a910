/*
 * What became of a request (AuthZRes), parsed piece by piece as its bytes come: the bodies in it
 * may be of any size, and nothing of them is kept but the id of a new container. Pure. What cannot
 * be parsed is no outcome, and never an error.
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
#include "dsp/core/record/audit_record.h"

enum {
	AUTHZ_RESPONSE_TEXTS = 3,
	AUTHZ_RESPONSE_ROOM = 4096,
	AUTHZ_RESPONSE_KEY = 24,
	AUTHZ_RESPONSE_BODY = 96 /* {"Id":"64 digits" in base64 */
};

struct authz_response {
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

/* Starts a message. */
void authz_response_begin(struct authz_response *s);

/* Parses the next bytes of it. */
void authz_response_parse(struct authz_response *s, struct span piece);

/*
 * Ends the message and sets all of *ret but pair and decision; its spans point into s, whose texts
 * are decoded in place. False: it could not be parsed, or a field is longer than is kept.
 */
bool authz_response_end(struct authz_response *s, struct request_outcome *ret);

#endif
