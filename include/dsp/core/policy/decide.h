/*
 * Facts and policy to decision: pure, and the only place where a request can become allowed.
 */
#ifndef DSP_DECIDE_H
#define DSP_DECIDE_H

#include <stddef.h>

#include "dsp/core/facts/facts.h"
#include "dsp/core/policy/policy.h"
#include "dsp/core/policy/subject.h"

/* Only == VERDICT_ALLOW opens the door: a zeroed struct or a flipped bit denies. */
enum verdict { VERDICT_DENY = 0x2d4b0e36, VERDICT_ALLOW = 0x52b4f1c9 };

/* The step that spoke. */
enum decider {
	DECIDED_BY_BROKEN,   /* the settings are broken */
	DECIDED_BY_OWN_NAME, /* step 0 */
	DECIDED_BY_IDENTITY, /* it is not known who asks */
	DECIDED_BY_READING,  /* unroutable or unreadable */
	DECIDED_BY_FILE,     /* a rule of the policy file */
	DECIDED_BY_DEFAULT,  /* no rule of the policy file matches, and that is a no */
	DECIDED_BY_POWER,    /* a closed power */
	DECIDED_BY_GRANT,    /* every power is explicitly 1; in a proxy profile: a grant rule */
	DECIDED_BY_RULE,     /* a proxy's rule that denies an operation */
	DECIDED_BY_POST,     /* writes are closed */
	DECIDED_BY_SECTION,  /* the section's flag */
	DECIDED_BY_READONLY, /* profile readonly refuses writes */
	DECIDED_BY_PROFILE,  /* nothing speaks against it */
};

struct decision {
	enum verdict verdict;
	enum decider by;
	/* Static: a power, a flag, "unreadable", "unroutable", "readonly", "broken"; or "" (allow). */
	const char *reason;
	size_t flag;             /* the flag that decided, or FLAG_COUNT */
	struct powerset closed;  /* DECIDED_BY_POWER: all that are closed of what is asked for */
	const struct rule *rule; /* DECIDED_BY_FILE; borrowed from the policy */
	const struct rule
		*monitored_rule; /* the first monitoring rule that would have denied; or NULL */
	bool monitored;          /* it would be a denial, but the policy only records */
};

struct decision decide(
	const struct policy *policy, const struct subject *subject, const struct facts *facts);

/* What a request asks for under a profile: its powers, and what an unseen mount may be. */
struct powerset decide_powers(const struct policy *policy, const struct facts *facts);

/* The name of a step, for explain: "closed power", ... */
const char *decider_name(enum decider by);

#endif
