/*
 * The question turned round: of an operation or a power, for whom it would be allowed. Pure; from
 * the same tables and rules by which requests are judged.
 */
#ifndef DSP_ACCESS_QUERY_H
#define DSP_ACCESS_QUERY_H

#include "dsp/core/policy/decide.h"
#include "dsp/core/policy/escalation.h"
#include "dsp/core/policy/message.h"

struct access_query {
	enum power power;         /* POWER_COUNT: no more than the route asks for by itself */
	const struct facts *with; /* details, and the powers that they give; NULL: none */
};

struct access_answer {
	struct decision decision;
	char message[MESSAGE_MOST]; /* of a denial, also of one that is only recorded */
};

/*
 * Decides a request of subject by this route (NULL: one that the table does not know) that asks for
 * what is wished, and no more than it must. Where nothing is said of details and a rule's list
 * covers the power, an item of the list is tried. false: no such request can ask for that.
 */
bool access_query_answer(const struct policy *policy, const struct subject *subject,
	const struct route *route, const struct access_query *query, struct access_answer *ret);

#endif
