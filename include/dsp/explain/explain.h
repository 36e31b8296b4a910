/* The whole explanation of a decision, as JSON and as text. */
#ifndef DSP_EXPLAIN_H
#define DSP_EXPLAIN_H

#include <jansson.h>

#include "dsp/dockerd/installed_settings.h"
#include "dsp/explain/simulate.h"

/* All that decided a request, as an object; the caller calls json_decref. NULL: no memory. */
json_t *explain_account(const struct policy *policy, const struct simulation *j);

/*
 * Decides a question as simulate does, and prints the account, as text or as JSON. Returns
 * EXIT_FINE where it is allowed, else EXIT_FINDINGS; -1 and e.
 */
MUST_USE int explain_request(const struct installed_settings *settings,
	const struct simulated_question *q, bool json, struct err *e);

#endif
