/* Whether a rule speaks of a request, and if not, why. */
#ifndef DSP_RULE_MATCH_H
#define DSP_RULE_MATCH_H

#include "dsp/core/facts/facts.h"
#include "dsp/core/policy/rules.h"

/* How a rule fares with a request. */
enum match_result {
	MATCH_YES,
	MATCH_NOT_SUBJECT,
	MATCH_NOT_OPERATION,
	MATCH_NOT_POWERS, /* an allow rule lacks some, a deny rule means none of them */
	MATCH_NOT_LIST,   /* an item of a list's kind is not covered (deny: none is meant) */
};

struct rule_match {
	enum match_result result;
	struct powerset missing; /* MATCH_NOT_POWERS of an allow rule */
	enum list_kind list;     /* MATCH_NOT_LIST */
	const struct attribute *item;
};

/* Whether rule r speaks of what subject asks for with these powers, and if not, why. */
struct rule_match rule_match(const struct rule *r, size_t subject, const struct facts *facts,
	const struct powerset *powers);

#endif
