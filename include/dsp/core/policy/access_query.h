/*
 * Who may do something: the answer for one subject and one route. It uses the same tables and rules
 * as decisions do.
 */
#ifndef DSP_ACCESS_QUERY_H
#define DSP_ACCESS_QUERY_H

#include "dsp/core/policy/decide.h"
#include "dsp/core/policy/escalation.h"
#include "dsp/core/policy/message.h"

struct access_query {
	enum power power; /* POWER_COUNT: no more than the route asks for by itself */
	const struct facts
		*with; /* attributes, and the powers they need; NULL: none in particular */
	const struct condition_facts *conditions; /* what the request gives; NULL: meets each */
	bool quiet; /* leave the message empty, which costs much of the time */
};

struct access_answer {
	struct decision decision;
	char message[MESSAGE_MOST]; /* of a denial, or of one that is only monitored; else empty */
};

/*
 * Decides a request of subject by this route (NULL: one that the table does not know) that asks for
 * what the query says, and as little else as possible. If the query has no attributes and a rule
 * covers the power by a list, the request has an item of that list. False: no request of this route
 * can ask for that, and *ret is left alone.
 */
bool access_query_answer(const struct policy *policy, const struct subject *subject,
	const struct route *route, const struct access_query *query, struct access_answer *ret);

#endif
