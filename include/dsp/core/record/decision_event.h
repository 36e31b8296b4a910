/*
 * What was decided about one request. It is made once and never changed; audit log, metrics and
 * recent decisions all read the same event. It owns nothing: it lives as long as the call that
 * hands it over.
 */
#ifndef DSP_DECISION_EVENT_H
#define DSP_DECISION_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsp/core/facts/facts.h"
#include "dsp/core/parse/request.h"
#include "dsp/core/policy/decide.h"
#include "dsp/core/policy/nearest_rule.h"
#include "dsp/core/policy/policy.h"
#include "dsp/core/policy/subject.h"
#include "dsp/core/record/grant_event.h"

/* Why the answer is a denial, or an error, whatever the policy says. */
struct refusal {
	enum refused_by {
		REFUSED_QUESTION, /* dockerd's question cannot be read */
		REFUSED_REPEATED, /* it came without its text */
		REFUSED_FAILURE,  /* memory ran out */
		REFUSED_AUDIT,    /* the audit log cannot be kept */
		REFUSED_OWNERS,   /* dspd cannot record who owns what it makes */
	} by;
	const char *message; /* for the client */
};

enum {
	ASK_ID_LENGTH = 6,
	ASK_ID_ROOM = 8,
	ASK_REASON_ROOM = 120,
};

/* A request that waits, or waited, for root. */
struct ask_record {
	char id[ASK_ID_ROOM];
	char was[ASK_ID_ROOM]; /* the id of the same request with other facts; empty: none */
	unsigned wait;         /* seconds */
	uint64_t waited_ms;    /* until the decision */
	bool answered;         /* by root: */
	struct grant_by by;
};

struct decision_event {
	const struct request *request;   /* NULL: it could not be read */
	const struct subject *subject;   /* not NULL when request is not */
	const struct facts *facts;       /* the same */
	const struct decision *decision; /* NULL: there is none, and there is a refusal */
	const struct nearest_rule *near; /* of a denial; NULL: it was not looked for */
	const struct refusal *refusal;   /* NULL: the decision stands */
	const struct ask_record *ask;    /* of a request that was held; NULL: none was */
	const char *message;             /* of the decision, for the client; NULL: there is none */
	const struct policy *policy;
	unsigned generation;
	const char *digest;   /* of the policy file */
	size_t request_bytes; /* of the question */
	uint64_t duration_us; /* from the question's last byte to the decision */
	uint64_t lookup_us;   /* of these the ones that it waited for look-ups; 0: it did not */
};

/* Whether root is asked first: the request waits, and its decision comes later. */
bool decision_event_asks(const struct decision_event *e);

/* Whether the answer is yes. */
bool decision_event_allows(const struct decision_event *e);

/* What the client reads: of the refusal, or of the decision. NULL: there is none. */
const char *decision_event_message(const struct decision_event *e);

/* The word for what decided. */
const char *decision_event_decided_by(const struct decision_event *e);

/* The word for an operation: its name, or unknown (no row has the route), or none (unroutable). */
const char *decision_event_operation(const struct facts *f);

#endif
