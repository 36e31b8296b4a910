/* Which decisions the user wants to see: those that meet every condition that is set. */
#ifndef DSP_AUDIT_FILTER_H
#define DSP_AUDIT_FILTER_H

#include <stdbool.h>

#include "dsp/audit/audit_reader.h"

struct audit_filter {
	bool denied;           /* denied, or would be but for monitor mode */
	bool changes;          /* denied, as above, or not a read */
	const char *verdict;   /* "allow", "deny", "would"; NULL: not set, as below */
	const char *user;      /* a subject, as the audit log names it */
	const char *operation; /* a glob */
	const char *power;
	const char *rule; /* one that decided, or would have */
};

/* What is wrong with the conditions, for the user; NULL: nothing. */
const char *audit_filter_check(const struct audit_filter *f);

/* Whether any condition is set. */
bool audit_filter_is_set(const struct audit_filter *f);

/* Whether a decision meets the conditions. */
bool audit_filter_matches(const struct audit_filter *f, const struct audit_entry *l);

#endif
