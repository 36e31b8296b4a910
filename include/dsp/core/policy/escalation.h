/*
 * What a policy leaves open: for each power a request that asks for it and is allowed, from the
 * same tables by which requests are judged. Pure.
 */
#ifndef DSP_ESCALATION_H
#define DSP_ESCALATION_H

#include "dsp/core/facts/route.h"
#include "dsp/core/policy/decide.h"
#include "dsp/core/policy/policy.h"

/* How a power can be had. */
struct escalation {
	const struct route *route; /* NULL: one that the table does not know */
	struct decision decision;  /* that allows it */
};

/* Whether a request of subject that asks for p, and no more than it must, is allowed. */
bool escalation_find(const struct policy *policy, const struct subject *subject, enum power p,
	struct escalation *ret);

/*
 * Whether a request of this route (NULL: one that the table does not know) that asks for p, or with
 * POWER_COUNT for no more than the route does, is allowed. False also when it cannot ask for p.
 */
bool escalation_by_route(const struct policy *policy, const struct subject *subject,
	const struct route *route, enum power p, struct decision *ret);

/* What leaves p open by a decision: a rule, or a flag that is 1 or not 0. For a person. */
void escalation_reason(
	const struct policy *policy, enum power p, const struct decision *d, char *out, size_t cap);

/* Whether a request of this route can ask for p; ret: all that it then asks for, at least. */
bool escalation_can_ask(const struct route *route, enum power p, struct powerset *ret);

/* Every power that a request of this route can ask for. */
struct powerset escalation_possible_powers(const struct route *route);

/* Whether a request of this route can have details of a kind. */
bool escalation_has_details(const struct route *route, enum attribute_kind kind);

#endif
