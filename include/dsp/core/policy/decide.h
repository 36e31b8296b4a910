/*
 * Facts and policy to decision: pure, and the only place where a request can become allowed.
 */
#ifndef DSP_DECIDE_H
#define DSP_DECIDE_H

#include <stddef.h>

#include "dsp/core/base/digest.h"
#include "dsp/core/facts/facts.h"
#include "dsp/core/policy/conditions.h"
#include "dsp/core/policy/grant_rules.h"
#include "dsp/core/policy/policy.h"
#include "dsp/core/policy/subject.h"

/*
 * Only == VERDICT_ALLOW allows: a zeroed struct or a flipped bit denies. VERDICT_ASK: root must
 * approve the request first.
 */
enum verdict { VERDICT_DENY = 0x2d4b0e36, VERDICT_ALLOW = 0x52b4f1c9, VERDICT_ASK = 0x3f6a8d52 };

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
	DECIDED_BY_ANSWER,    /* an ask rule matches, and root answered, or nobody could */
	DECIDED_BY_PROFILE,   /* no step denies */
};

/* What became of a request that an ask rule covers. */
enum ask_end {
	ASK_NOT_ENDED,
	ASK_APPROVED,
	ASK_REFUSED,
	ASK_UNANSWERED, /* the rule's wait is over */
	ASK_TOO_MANY,   /* as many wait as may */
	ASK_TOO_MANY_OF_USER,
	ASK_TOO_BIG, /* the requests that wait have too many bytes */
	ASK_STOPPED, /* dspd stops */
	ASK_GONE,    /* dockerd waits no longer */
};
enum { ASK_END_COUNT = ASK_GONE + 1 };

/* "approved", "refused", ...; empty: not ended. */
const char *ask_end_name(enum ask_end end);

struct ask_answer {
	enum ask_end end;
	unsigned char facts[DIGEST_SIZE]; /* ASK_APPROVED: those that root saw (ask_facts.h) */
	struct span reason;               /* ASK_REFUSED: for the client; or empty */
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
	struct ask_answer answer; /* of an ask rule, DECIDED_BY_ANSWER */
	bool monitored; /* an allow that would be a denial, but the policy only monitors */
};

/*
 * The decision about a request: broken settings, the plugin's own name, identity, routing, grants,
 * the rules of the policy file, then flags and profile; the first step that has an answer decides.
 * grants: those of the moment; NULL: there is none.
 */
struct decision decide(const struct policy *policy, const struct subject *subject,
	const struct facts *facts, const struct grant_rules *grants);

/*
 * What an ask becomes by an answer: an allow only if root approved and facts are those that root
 * saw; if they are others, it is an ask still. Any other decision comes back as it is.
 */
struct decision decide_answered(const struct decision *asked, const struct ask_answer *answer,
	const unsigned char facts[DIGEST_SIZE]);

/* The rule that would have had root asked, of a decision that only monitor mode allows, or NULL. */
const struct rule *decision_would_ask(const struct decision *d);

/* The powers that a request asks for, as the policy's profile judges mounts that dsp cannot see. */
struct powerset decide_powers(const struct policy *policy, const struct facts *facts);

/* "allow", "ask" or "deny". */
const char *verdict_name(enum verdict v);

/* The name of a step, for explain: "closed power", ... */
const char *decider_name(enum decider by);

#endif
