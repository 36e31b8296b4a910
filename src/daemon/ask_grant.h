/* A request that waits for root, as a grant: what it asks for, and nothing else, for its user. */
#ifndef DSP_ASK_GRANT_H
#define DSP_ASK_GRANT_H

#include "dsp/core/base/err.h"
#include "dsp/core/facts/facts.h"
#include "dsp/core/policy/conditions.h"
#include "dsp/core/policy/subject.h"

/* A request that waits. */
struct ask_request {
	const struct subject *subject;
	const struct facts *facts;
	const struct conditions *conditions; /* of the rule that asks; or NULL */
	struct span body;                    /* as the client sent it */
};

/*
 * The rule, a JSON object from mem_*, as struct grant_wish has it: the operation, the powers, for
 * each kind of list the things that the request names (of mounts the sources as they are on the
 * host), the conditions, and of what runs a command exactly that command, its user and its
 * working directory. NULL and e: no rule says exactly that, or no memory.
 */
char *ask_grant_rule(const struct ask_request *request, struct err *e)
	__attribute__((warn_unused_result));

#endif
