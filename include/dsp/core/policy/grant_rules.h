/*
 * Grants: allow rules that root gives for a while. Each is a rule of the policy file's own form,
 * parsed by the same parser against the users of the policy in force. They stand before the rules
 * of the policy file.
 */
#ifndef DSP_GRANT_RULES_H
#define DSP_GRANT_RULES_H

#include <stdint.h>

#include "dsp/core/base/err.h"
#include "dsp/core/facts/facts.h"
#include "dsp/core/policy/rules.h"

enum { GRANTS_MOST = 64 };

/* The grants of the moment. */
struct grant_rules {
	const struct rules *rules; /* the grants, in their order; NULL: there is none */
	uint64_t live;             /* a bit for each that has not ended */
};

/*
 * Parses a JSON list of at most GRANTS_MOST rules, each with a name. users: the rules of the policy
 * in force, which must outlive ret; NULL: there is no policy file, and clients have no names. The
 * caller frees *ret with rules_free. -1 and e: a rule cannot be a grant. what: what stands before
 * the place in e.
 */
MUST_USE int grant_rules_parse(const char *what, struct span list, const struct rules *users,
	struct rules **ret, struct err *e);

/* The first live grant that covers a request whose reading is exact; NULL: none does. */
const struct rule *grant_rules_find(const struct grant_rules *grants, size_t subject,
	const struct facts *facts, const struct powerset *powers);

/*
 * Whether a grant makes its users root on the host, by a power, a route that dsp does not know, an
 * item of a list, or a mount beside one that a rule of users lets them read. If so writes by what.
 */
bool grant_rule_gives_root(
	const struct rule *grant, const struct rules *users, char *out, size_t cap);

#endif
