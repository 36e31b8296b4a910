#include "sinks.h"

#include "dsp/core/base/duration.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/message.h"
#include "dsp/system/log.h"

/* --- audit log ---------------------------------------------------------------------------------*/

static const struct refusal *audit_sink_decision(
	const struct sinks *s, const struct decision_event *e)
{
	return s->audit ? audit_decision(s->audit, e) : NULL;
}

static bool audit_sink_wants(const struct sinks *s)
{
	return s->audit && audit_wants_outcomes(s->audit);
}

static void audit_sink_outcome(const struct sinks *s, struct request_outcome *outcome)
{
	if (s->audit)
		audit_outcome(s->audit, outcome);
}

static void audit_sink_restarted(const struct sinks *s)
{
	if (s->audit)
		audit_dockerd_restarted(s->audit);
}

/* --- recent decisions --------------------------------------------------------------------------*/

static const struct refusal *recent_sink_decision(
	const struct sinks *s, const struct decision_event *e)
{
	if (s->recent)
		recent_decisions_add(s->recent, e);
	return NULL;
}

static bool recent_sink_wants(const struct sinks *s)
{
	return s->recent && recent_decisions_active(s->recent);
}

static void recent_sink_outcome(const struct sinks *s, struct request_outcome *outcome)
{
	if (s->recent && outcome)
		recent_decisions_add_outcome(s->recent, outcome);
}

static void recent_sink_restarted(const struct sinks *s)
{
	if (s->recent)
		recent_decisions_dockerd_restarted(s->recent);
}

/* --- metrics -----------------------------------------------------------------------------------*/

static const struct refusal *metrics_sink_decision(
	const struct sinks *s, const struct decision_event *e)
{
	if (s->metrics)
		metrics_decision(s->metrics, e);
	return NULL;
}

/* --- the log -----------------------------------------------------------------------------------*/

static void log_decision(
	const struct sinks *s, const struct decision_event *e, const char *what, const char *text)
{
	const char *operation = e->facts->route ? e->facts->route->name : "request";
	char subject[96];

	/* The decision would appear twice. */
	if (s->audit && audit_shares_log(s->audit))
		return;
	subject_write(e->subject, subject, sizeof(subject));
	if (e->policy->file_rules)
		log_line("%s %s for %s: %s", what, operation, subject, text);
	else
		log_line("%s %s: %s", what, operation, text);
}

static const char *word_of(const struct decision_event *e)
{
	if (e->decision->monitored)
		return decision_would_ask(e->decision) ? "would ask root about" : "would deny";
	return decision_event_asks(e) ? "asks root about" : "denied";
}

/* Logs denials, would-be denials and monitored rules. Who refuses without a decision logs that. */
static const struct refusal *log_sink_decision(
	const struct sinks *s, const struct decision_event *e)
{
	char rule[96];

	if (!e->decision)
		return NULL;
	if (e->decision->monitored_rule) {
		text_escape(e->decision->monitored_rule->name, rule, sizeof(rule));
		log_decision(s, e, "monitored", rule);
	}
	if (e->message)
		log_decision(s, e, word_of(e), e->message);
	if (e->refusal)
		log_decision(s, e, "denied", e->refusal->message);
	return NULL;
}

/* --- all of them -------------------------------------------------------------------------------*/

/* The audit log is first: what it refuses the others must see as a denial. */
static const struct sink {
	const struct refusal *(*record)(const struct sinks *s, const struct decision_event *e);
	bool (*wants_outcomes)(const struct sinks *s);
	void (*record_outcome)(const struct sinks *s, struct request_outcome *outcome);
	void (*dockerd_restarted)(const struct sinks *s);
} sinks[] = {
	{ audit_sink_decision, audit_sink_wants, audit_sink_outcome, audit_sink_restarted },
	{ recent_sink_decision, recent_sink_wants, recent_sink_outcome, recent_sink_restarted },
	{ metrics_sink_decision, NULL, NULL, NULL },
	{ log_sink_decision, NULL, NULL, NULL },
};

enum { SINKS = sizeof(sinks) / sizeof(sinks[0]) };

const struct refusal *sinks_record(const struct sinks *s, const struct decision_event *event)
{
	struct decision_event e = *event;

	for (size_t i = 0; i < SINKS; i++) {
		const struct refusal *refusal = sinks[i].record(s, &e);

		if (refusal)
			e.refusal = refusal;
	}
	return e.refusal;
}

static void log_grant(const struct grant_event *e)
{
	char length[DURATION_ROOM];
	char reason[160];
	struct line l;
	char text[400];

	line_init(&l, text, sizeof(text));
	line_add(&l, "grant %s %s", e->id, grant_step_name(e->step));
	if (e->step == GRANT_GIVEN)
		line_add(&l, " for %s, until %s%s", duration_write(e->seconds, length), e->until,
			e->root ? ": a direct way to root" : "");
	if (e->why)
		line_add(&l, ": %s", e->why);
	if (e->by)
		line_add(&l, ", by uid %llu%s%s", (unsigned long long)e->by->uid,
			e->by->name[0] != '\0' ? ", " : "", e->by->name);
	text_escape(span_of(e->reason), reason, sizeof(reason));
	if (e->step == GRANT_GIVEN && reason[0] != '\0')
		line_add(&l, ": %s", reason);
	log_line("%s", text);
}

const struct refusal *sinks_record_grant(const struct sinks *s, const struct grant_event *e)
{
	const struct refusal *refusal = s->audit ? audit_grant(s->audit, e) : NULL;

	if (refusal)
		return refusal;
	if (s->recent)
		recent_decisions_add_grant(s->recent, e);
	if (!s->audit || !audit_shares_log(s->audit))
		log_grant(e);
	return NULL;
}

const char *sinks_reference(const struct sinks *s)
{
	return s->audit ? audit_reference(s->audit) : "";
}

bool sinks_want_outcomes(const struct sinks *s)
{
	for (size_t i = 0; i < SINKS; i++) {
		if (sinks[i].wants_outcomes && sinks[i].wants_outcomes(s))
			return true;
	}
	return false;
}

void sinks_record_outcome(const struct sinks *s, struct request_outcome *outcome)
{
	for (size_t i = 0; i < SINKS; i++) {
		if (sinks[i].record_outcome)
			sinks[i].record_outcome(s, outcome);
	}
}

void sinks_dockerd_restarted(const struct sinks *s)
{
	for (size_t i = 0; i < SINKS; i++) {
		if (sinks[i].dockerd_restarted)
			sinks[i].dockerd_restarted(s);
	}
}
