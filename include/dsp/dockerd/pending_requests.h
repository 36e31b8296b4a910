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

/* Writes "agent: container_create, image ..., mounts ...; host_mounts (direct)": one line. */
void pending_write(const json_t *request, char *out, size_t cap);

#endif
