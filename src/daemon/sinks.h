/*
 * The receivers of decisions and outcomes: audit log, metrics, recent decisions, and the log. The
 * way of a request hands each event over once and knows none of them by name. Each may be NULL.
 */
#ifndef DSP_SINKS_H
#define DSP_SINKS_H

#include "dsp/audit/audit.h"
#include "dsp/audit/recent_decisions.h"
#include "dsp/core/record/decision_event.h"
#include "metrics.h"

struct sinks {
	struct audit *audit;
	struct metrics *metrics;
	struct recent_decisions *recent;
};

/*
 * Hands the event to every sink. NULL: the decision stands. Else the request must be denied: the
 * event's own refusal, or that the audit log must keep the decision and cannot.
 */
const struct refusal *sinks_record(const struct sinks *s, const struct decision_event *event);

/* The same for what became of a grant; only one that is given can be refused. */
const struct refusal *sinks_record_grant(const struct sinks *s, const struct grant_event *e);

/* The id of the line of the audit log for the last event; empty: there is none. */
const char *sinks_reference(const struct sinks *s);

/* True if a sink needs to know what became of requests (AuthZRes). */
bool sinks_want_outcomes(const struct sinks *s);

/* What became of a request; its decision and pair change. NULL: dockerd's message is unreadable. */
void sinks_record_outcome(const struct sinks *s, struct request_outcome *outcome);

/* dockerd restarted: no outcome will come for the requests it had in hand. */
void sinks_dockerd_restarted(const struct sinks *s);

#endif
