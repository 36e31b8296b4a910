/*
 * What a policy leaves open: for each power a request that asks for it and is allowed, from the
 * same tables by which requests are judged. Pure.
 */
#ifndef DSP_ESCAPE_H
#define DSP_ESCAPE_H

#include "dsp/decide.h"
#include "dsp/policy.h"
#include "dsp/route.h"

/* How a power can be had. */
struct escape {
	const struct route *route; /* NULL: one that the table does not know */
	struct decision decision;  /* that allows it */
};

/* Whether a request of subject that asks for p, and no more than it must, is allowed. */
bool escape_find(const struct policy *policy, const struct subject *subject, enum power p,
	struct escape *ret);

/* Whether a request of this route can ask for p; ret: all that it then asks for, at least. */
bool escape_asks(const struct route *route, enum power p, struct powerset *ret);

/* Every power that a request of this route can ask for. */
struct powerset escape_possible(const struct route *route);

#endif
