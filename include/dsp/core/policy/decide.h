/*
 * Facts and policy to decision: pure, and the only place where a request can become allowed.
 */
#ifndef DSP_DECIDE_H
#define DSP_DECIDE_H

#include <stddef.h>

#include "dsp/core/facts/facts.h"
#include "dsp/core/policy/conditions.h"
#include "dsp/core/policy/grant_rules.h"
#include "dsp/core/policy/policy.h"
#include "dsp/core/policy/subject.h"

/* Only == VERDICT_ALLOW allows: a zeroed struct or a flipped bit denies. */
enum verdict { VERDICT_DENY = 0x2d4b0e36, VERDICT_ALLOW = 0x52b4f1c9 };

/* The step that decided. */
enum decider {
	DECIDED_BY_BROKEN,    /* the settings are broken */
	DECIDED_BY_OWN_NAME,  /* the request makes a plugin with this plugin's name */
	DECIDED_BY_IDENTITY,  /* dsp does not know who the client is */
	DECIDED_BY_READING,   /* unroutable or unreadable */
	DECIDED_BY_TEMPORARY, /* a grant that ends by itself (dsp allow) covers it */
	DECIDED_BY_FILE,      /* a rule of the policy file matches */
	DECIDED_BY_DEFAULT,   /* no rule of the policy file matches, and "otherwise" is "deny" */
	DECIDED_BY_POWER,     /* a power is closed */
	DECIDED_BY_REQUIRE,   /* the request does not meet the profile or DSP_REQUIRE */
	DECIDED_BY_GRANT,     /* every power's flag is 1; in a proxy profile: a grant rule */
	DECIDED_BY_RULE,      /* a proxy's rule denies the operation */
	DECIDED_BY_POST,      /* writes are closed */
	DECIDED_BY_SECTION,   /* the section's flag */
	DECIDED_BY_READONLY,  /* profile readonly denies writes */
	DECIDED_BY_PROFILE,   /* no step denies */
};

struct decision {
	enum verdict verdict;
	enum decider by;
	/* Static: a power, a flag, "unreadable", "unroutable", "readonly", "broken"; or "" (allow). */
	const char *reason;
	size_t flag;              /* the flag that decided, or FLAG_COUNT */
	struct powerset closed;   /* DECIDED_BY_POWER: every closed power that is asked for */
	const struct rule *rule;  /* DECIDED_BY_FILE; else NULL. Borrowed from the policy */
	const struct rule *grant; /* DECIDED_BY_TEMPORARY; else NULL. Borrowed from the grants */
	/* The first monitoring rule that would have denied; or NULL. Borrowed from the policy. */
	const struct rule *monitored_rule;
	struct condition_verdict condition; /* of a denial by conditions; else met */
	/* DECIDED_BY_REQUIRE: the conditions; else NULL. Borrowed from the policy */
	const struct conditions *required;
	bool monitored; /* an allow that would be a denial, but the policy only monitors */
};

/*
 * The decision about a request: broken settings, the plugin's own name, identity, routing, grants,
 * the rules of the policy file, then flags and profile; the first step that has an answer decides.
 * grants: those of the moment; NULL: there is none.
 */
struct decision decide(const struct policy *policy, const struct subject *subject,
	const struct facts *facts, const struct grant_rules *grants);

/* The powers that a request asks for, as the policy's profile judges mounts that dsp cannot see. */
struct powerset decide_powers(const struct policy *policy, const struct facts *facts);

/* The name of a step, for explain: "closed power", ... */
const char *decider_name(enum decider by);

#endif
