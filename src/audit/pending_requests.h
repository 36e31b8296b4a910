/*
 * Requests that were allowed, and of which dockerd has not yet told what became: it tells no name
 * of the request, but its method, target and user. Those that are alike and in hand at the same
 * time are never told apart. Of one thread.
 */
#ifndef DSP_PENDING_REQUESTS_H
#define DSP_PENDING_REQUESTS_H

#include <stdbool.h>

#include "dsp/core/base/span.h"
#include "dsp/core/record/audit_record.h"

struct pending_requests;

struct pending_requests *pending_requests_new(void) __attribute__((warn_unused_result));
void pending_requests_free(struct pending_requests *p);

/* r was allowed. id: of the line that tells of it; NULL: there is none. */
void pending_requests_add(struct pending_requests *p, const struct request *r, const char *id);

enum pending_match {
	PENDING_UNKNOWN,   /* none is known */
	PENDING_EXACT,     /* exactly one was in hand */
	PENDING_AMBIGUOUS, /* several were in hand, and it may be any of them */
};

/*
 * One has ended. id gets its line, or is empty when it has none; o->pair and o->decision, which may
 * point to id, are set.
 */
enum pending_match pending_requests_end(
	struct pending_requests *p, struct request_outcome *o, char id[AUDIT_RECORD_ID_ROOM]);

/* dockerd has started anew: whatever was in hand has ended. */
void pending_requests_clear(struct pending_requests *p);

#endif
