/*
 * Which ways to root a policy leaves open: for a power, a request that asks for it and is allowed.
 * It uses the same tables as decisions do.
 */
#ifndef DSP_ESCALATION_H
#define DSP_ESCALATION_H

#include "dsp/core/facts/route.h"
#include "dsp/core/policy/decide.h"
#include "dsp/core/policy/policy.h"

/* A request that gets a power. */
struct escalation {
	enum power power;           /* the power */
	const struct route *route;  /* NULL: a route that the table does not know */
	struct decision decision;   /* that allows it */
	const struct pattern *item; /* by this item of a list of its rule; NULL: by none */
	enum list_kind list;        /* the list */
};

/* Whether a request of subject for power p, and as little else as possible, is allowed. */
bool escalation_find(const struct policy *policy, const struct subject *subject, enum power p,
	struct escalation *ret);

/*
 * The same for one route (NULL: one that the table does not know). POWER_COUNT: a request for
 * nothing but what the route asks for by itself. False also when the route cannot ask for p, and
 * then *ret is left alone.
 */
bool escalation_by_route(const struct policy *policy, const struct subject *subject,
	const struct route *route, enum power p, struct decision *ret);

/* Writes why a decision leaves p open: a rule that allows it, or a flag that is 1 or not 0. */
void escalation_reason(
	const struct policy *policy, enum power p, const struct decision *d, char *out, size_t cap);

/* The same, and for subject why the item of a list is a way to root. */
void escalation_write(const struct policy *policy, const struct escalation *found, size_t subject,
	char *out, size_t cap);

/*
 * Why an item of an allow rule's list makes subject root on the host; static. NULL: it does not, as
 * far as dsp knows.
 */
const char *escalation_of_item(enum list_kind k, const struct pattern *p, size_t subject);

/*
 * Whether a client reaches BuildKit without a request that dockerd asks a plugin about: over
 * HTTP/2, which dockerd 29.2 and later serve. What a policy closes does not matter there.
 */
enum buildkit { BUILDKIT_UNKNOWN, BUILDKIT_UNASKED, BUILDKIT_ASKED };

/* "unknown", "unasked", "asked" */
const char *escalation_buildkit_name(enum buildkit b);

/* Whether BuildKit gives a client this power. */
bool escalation_buildkit_gives(enum power p);

/*
 * Writes who can do what by that, and how to close it; "": BUILDKIT_ASKED. version: of dockerd,
 * such as "29.7.2"; empty: unknown.
 */
void escalation_buildkit_write(enum buildkit b, const char *version, char *out, size_t cap);

/* Whether a request of this route can ask for p; ret: the powers that it then asks for at least. */
bool escalation_can_ask(const struct route *route, enum power p, struct powerset *ret);

/* Every power that a request of this route can ask for. */
struct powerset escalation_possible_powers(const struct route *route);

#endif
