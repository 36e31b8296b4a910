/* The whole cause of a decision in an audit log: what was asked for, why, and what it is today. */
#ifndef DSP_EXPLAIN_LINE_H
#define DSP_EXPLAIN_LINE_H

#include "dsp/audit/audit_log.h"
#include "dsp/dockerd/installed_settings.h"

/* A decision of an audit log. */
struct logged_decision {
	struct audit_entry entry; /* its object is owned */
	json_t *outcome;          /* the line with its result; NULL: none. Owned */
	uint64_t repeats;
	unsigned others; /* decisions that follow it where the first one was asked for */
};

/*
 * Finds the decision that a reference names: the id of its line, or of a repeat or an outcome of
 * it. reference: NULL for the first decision of the logs. 1; 0: the logs do not have it; -1 and e.
 * The caller calls logged_decision_free in any case.
 */
MUST_USE int logged_decision_find(const struct audit_logs *logs, const char *reference,
	struct logged_decision *ret, struct err *e);

/* Parses one line, as an argument has it; where is what e names. Otherwise as above. */
MUST_USE int logged_decision_parse(const char *where, const char *line,
	const struct audit_logs *logs, struct logged_decision *ret, struct err *e);

void logged_decision_free(struct logged_decision *d);

/*
 * Prints it, as text or as JSON, with what these settings decide today; NULL: there are none, and e
 * has the reason. as: decide today as for this user of the policy file; or NULL. -1 and e.
 */
MUST_USE int logged_decision_explain(const struct logged_decision *d,
	const struct installed_settings *settings, const char *as, bool json, struct err *e);

#endif
