/*
 * Records what a Docker client asks for: an HTTP server on a private socket that decides each
 * request as dspd would, answers in dockerd's place, and sends nothing on.
 */
#ifndef DSP_RECORDER_H
#define DSP_RECORDER_H

#include <jansson.h>
#include <stddef.h>

#include "dsp/core/base/err.h"
#include "dsp/core/policy/policy.h"
#include "stand_in.h"

struct MHD_Daemon;
struct event_stream;

struct recorder {
	const struct policy *policy;
	const char *as; /* decide as for this user of the policy file; or NULL */
	struct stand_in stand_in;
	json_t *requests; /* an account of each (explain_account), with "times" */
	char owner[128];  /* who the client is, and so owns what it makes */
	size_t count;     /* of all requests */
	size_t denied;    /* of those */
	size_t lost;      /* not recorded: there were too many, or dsp could not decide */
	bool over;        /* the client cannot go on: see stand_in_answer.last */
	struct err fault; /* why dsp could not decide one; or an empty text */
	struct event_stream *streams; /* clients that wait for events */
	struct MHD_Daemon *mhd;
};

/*
 * Serves the listener, which it closes at the end. policy and as are borrowed. -1 and e. Call
 * recorder_end in any case.
 */
MUST_USE int recorder_begin(struct recorder *r, int listener, const struct policy *policy,
	const char *as, struct err *e);

/* A descriptor that is readable when recorder_serve has something to do. */
int recorder_descriptor(const struct recorder *r);

/* Serves what has come, without waiting; returns after how many ms to call it again; -1: never. */
int recorder_serve(struct recorder *r);

void recorder_end(struct recorder *r);

#endif
