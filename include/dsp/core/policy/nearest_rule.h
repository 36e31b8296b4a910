/*
 * The nearest rule of a denied request: the allow rule of the policy file that would allow it with
 * the fewest additions. Only rules for this user and this operation come into question, so that a
 * client reads nothing about the rules of others.
 */
#ifndef DSP_NEAREST_RULE_H
#define DSP_NEAREST_RULE_H

#include "dsp/core/policy/decide.h"
#include "dsp/core/policy/list_kind.h"

enum {
	LACKS_MOST = 8, /* further things are not counted, which bounds the cost of a rule */
	LACK_MOST = 200 /* bytes of a thing as text, the terminating NUL included */
};

/* One thing of a request that a rule does not cover. */
struct lack {
	/* That powers must have, where no list can cover it; POWER_COUNT: it is of a list. */
	enum power power;
	enum list_kind list; /* where power is POWER_COUNT, and conditions NULL */
	/*
	 * Borrowed from the facts. Of a list; NULL: what dsp is not shown. Of docker_socket: the
	 * mount whose source is missing, and without which no power is needed; else NULL.
	 */
	const struct attribute *item;
	const struct list *by; /* the rule's list, which does not cover the item; or NULL */
	const struct conditions *conditions; /* one of these is not met; else NULL. Of the rule */
	struct condition_verdict condition;  /* the one */
};

struct nearest_rule {
	const struct rule *rule; /* borrowed from the policy; NULL: there is none */
	size_t count;            /* at least 1 */
	bool more;               /* there are more than these: powers first, then items */
	struct lack lacks[LACKS_MOST];
};

/*
 * The nearest rule; of equal ones the first of the file. d: a decision about the same request. None
 * is near where d allows, or where no allow rule could change d: it is a rule's, or dsp cannot read
 * the request. A client waits for that walk over all rules only when it is denied.
 */
void nearest_rule_find(const struct policy *policy, const struct subject *subject,
	const struct facts *facts, const struct decision *d, struct nearest_rule *ret);

/* Writes "image docker.io/library/nginx:latest", "power host_pid", "mount /etc (rw)". */
void lack_write(const struct lack *l, char out[LACK_MOST]);

#endif
