/*
 * Allowed requests whose AuthZRes has not come yet. An AuthZRes names its request by method, target
 * and user alone: it fits all like requests that are pending at the same time. For one
 * thread.
 */
#ifndef DSP_PENDING_REQUESTS_H
#define DSP_PENDING_REQUESTS_H

#include <stdbool.h>

#include "dsp/core/base/span.h"
#include "dsp/core/record/audit_record.h"

struct pending_requests;

struct pending_requests *pending_requests_new(void) __attribute__((warn_unused_result));
void pending_requests_free(struct pending_requests *p);

/* Adds an allowed request. id: of the line that records it; NULL: no line does. */
void pending_requests_add(struct pending_requests *p, const struct request *r, const char *id);

enum pending_match {
	PENDING_UNKNOWN,   /* no such request is pending */
	PENDING_EXACT,     /* exactly one was pending */
	PENDING_AMBIGUOUS, /* several were pending; it may be any of them */
};

/*
 * Ends the request that o belongs to. id gets the id of its line, or "". Sets o->pair, and
 * o->decision, which is id or NULL.
 */
enum pending_match pending_requests_end(
	struct pending_requests *p, struct request_outcome *o, char id[AUDIT_RECORD_ID_ROOM]);

/* Drops all: dockerd restarted. */
void pending_requests_clear(struct pending_requests *p);

#endif
