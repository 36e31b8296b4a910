/*
 * The AuthZ plugin protocol's JSON: a question in, an answer out. A question that is not exactly
 * what dockerd writes is an error, never an allow.
 */
#ifndef DSP_ENVELOPE_H
#define DSP_ENVELOPE_H

#include "dsp/core/base/err.h"
#include "dsp/core/parse/request.h"

enum {
	ENVELOPE_BODY_MOST = (4 << 20),                          /* bytes of a body */
	ENVELOPE_BODY64_MOST = (ENVELOPE_BODY_MOST + 2) / 3 * 4, /* and as base64 */
	ENVELOPE_REST_MOST = (1 << 20) + (64 << 10), /* headers, and method, target, certificates */
	ENVELOPE_MOST = ENVELOPE_BODY64_MOST + ENVELOPE_REST_MOST,
};

/*
 * Reads a question, in place and without memory of its own: strings are decoded where they stand,
 * so message (len bytes) is changed, and must outlive ret. -1 and e (for the answer's Err): it is
 * not a question; e->code is EMSGSIZE when it is too big.
 */
MUST_USE int envelope_parse(char *message, size_t len, struct request *ret, struct err *e);

/* {"Allow":false,"Msg":"..."}; the caller frees it with mem_free. NULL without memory. */
char *envelope_denial(const char *message) __attribute__((warn_unused_result));

/* {"Err":"..."}; as above. */
char *envelope_error(const char *text) __attribute__((warn_unused_result));

/*
 * A question as dockerd would write it: for explain and its tests. Headers are "Name: value"
 * lines; names are put in Go's canonical form, and the last of a name stays. Bytes of the target
 * that are no UTF-8 become U+FFFD, as in dockerd's JSON. body: the raw bytes, or NULL.
 */
char *envelope_request(struct span method, struct span target, struct span user,
	const char *const *headers, const struct span *body) __attribute__((warn_unused_result));

#endif
