/*
 * The JSON of the AuthZ plugin protocol (moby pkg/authorization/api.go): parses dockerd's request,
 * writes the response. A request that is not exactly what dockerd writes is an error, never an
 * allow.
 */
#ifndef DSP_ENVELOPE_H
#define DSP_ENVELOPE_H

#include "dsp/core/base/err.h"
#include "dsp/core/parse/request.h"

enum {
	ENVELOPE_BODY_MOST = (4 << 20),                          /* bytes of a body */
	ENVELOPE_BODY64_MOST = (ENVELOPE_BODY_MOST + 2) / 3 * 4, /* and as base64 */
	ENVELOPE_REST_MOST = (1 << 20) + (64 << 10), /* headers, method, target, certificates */
	ENVELOPE_MOST = ENVELOPE_BODY64_MOST + ENVELOPE_REST_MOST,
};

/*
 * Parses a request in place, without memory of its own: strings are decoded where they stand, so
 * message (len bytes) is changed, and must outlive ret. -1 and e (for the response's Err): not a
 * request; e->code is EMSGSIZE when it is too big.
 */
MUST_USE int envelope_parse(char *message, size_t len, struct request *ret, struct err *e);

/* Writes {"Allow":false,"Msg":"..."}; the caller frees it with mem_free. NULL: no memory. */
char *envelope_denial(const char *message) __attribute__((warn_unused_result));

/* Writes {"Err":"..."}; as above. */
char *envelope_error(const char *text) __attribute__((warn_unused_result));

/*
 * Writes a request as dockerd would, for dsp explain and tests. headers: "Name: value" lines, ended
 * by NULL; names get Go's canonical form, and the last line of a name counts. Bytes of the target
 * that are not UTF-8 become U+FFFD, as in dockerd's JSON. body: the raw bytes, or NULL. The caller
 * frees the text with mem_free. NULL: no memory.
 */
char *envelope_request(struct span method, struct span target, struct span user,
	const char *const *headers, const struct span *body) __attribute__((warn_unused_result));

#endif
