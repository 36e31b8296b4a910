/* Which lines of an audit trail somebody wants to see: all that is given must hold. */
#ifndef DSP_AUDIT_FILTER_H
#define DSP_AUDIT_FILTER_H

#include <stdbool.h>

#include "dsp/audit/audit_reader.h"

struct audit_filter {
	bool denied;           /* or what would be, but for monitor mode */
	bool changes;          /* what changes something, and what was denied */
	const char *verdict;   /* allow, deny, would; NULL: any, as below */
	const char *user;      /* a subject, as the trail names it */
	const char *operation; /* a glob */
	const char *power;
};

/* What is wrong with a value, or NULL. */
const char *audit_filter_check(const struct audit_filter *p);

bool audit_filter_is_set(const struct audit_filter *p);

/* Whether a decision is wanted. */
bool audit_filter_matches(const struct audit_filter *p, const struct audit_entry *l);

#endif
