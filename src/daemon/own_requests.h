/* The requests that dsp sends to dockerd itself: dockerd asks dspd about them too. */
#ifndef DSP_OWN_REQUESTS_H
#define DSP_OWN_REQUESTS_H

#include "dsp/core/record/authz_response.h"
#include "service.h"

/*
 * Whether dsp-resolve, or root's dsp own, sent the request for this dspd: it carries this process's
 * token, and is one of their reads. Such a request is allowed without a rule, waits for nothing,
 * and is not in the audit log. With the token and anything else it is a request like any other, of
 * an unknown token. -1 and e: no memory.
 */
int own_requests_has(
	const struct service *service, const struct request *rq, struct call *call, struct err *e);

/* Whether what became of a request is that of one of dsp-resolve's, which no log has. */
bool own_requests_has_outcome(const struct service *service, const struct request_outcome *outcome,
	struct authz_more *more);

#endif
