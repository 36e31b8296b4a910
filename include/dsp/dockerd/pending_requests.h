/* The requests that wait for root, as the running dspd lists them, and root's answers to it. */
#ifndef DSP_PENDING_REQUESTS_CLIENT_H
#define DSP_PENDING_REQUESTS_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "dsp/core/base/err.h"

/*
 * The requests: {"pending": [{"id", "user", "operation", ...}], "most"}. The caller calls
 * json_decref. NULL and e: dspd does not answer.
 */
json_t *pending_list(const char *socket, struct err *e) __attribute__((warn_unused_result));

struct pending_answer {
	bool approve;
	const char *reason; /* of a refusal, for the client; may be empty */
	uint64_t seconds;   /* of an approval: also a grant of the same for so long; 0: none */
	bool yes_root;      /* though that makes its user root */
};

/*
 * Approves or refuses the request of this
 * id, which stands for it with the facts that were listed. What became of it: {"id", "result",
 * "now", "message"}; result is approved, refused, changed (now is its new id), allowed or denied
 * (the policy decides it now), or gone. The caller calls json_decref. NULL and e: there is no such
 * request, its id is an old one, or dspd does not answer.
 */
json_t *pending_answer(const char *socket, const char *id, const struct pending_answer *answer,
	struct err *e) __attribute__((warn_unused_result));

/*
 * Shows one request, a row for each thing that root must see, the powers first: row gets a label
 * (empty: that of the row before) and a text. Nothing is left out without a row that says so. What
 * the client wrote has no two blanks side by side, so that it cannot look like rows. False: dspd
 * left some of it out.
 */
typedef void pending_row(void *ctx, const char *label, const char *text);
bool pending_show(const json_t *request, pending_row *row, void *ctx);

#endif
