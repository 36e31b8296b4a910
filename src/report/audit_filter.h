/* Which lines of an audit trail somebody wants to see: all that is given must hold. */
#ifndef DSP_AUDIT_FILTER_H
#define DSP_AUDIT_FILTER_H

#include <stdbool.h>

#include "dsp/audit/audit_reader.h"

struct pick {
	bool denied;           /* or what would be, but for monitor mode */
	bool changes;          /* what changes something, and what was denied */
	const char *verdict;   /* allow, deny, would; NULL: any, as below */
	const char *user;      /* a subject, as the trail names it */
	const char *operation; /* a glob */
	const char *power;
};

/* What is wrong with a value, or NULL. */
const char *pick_check(const struct pick *p);

bool pick_any(const struct pick *p);

/* Whether a decision is wanted. */
bool pick_wants(const struct pick *p, const struct trail_line *l);

#endif
