/*
 * A request reduced to what the policy speaks of: operation, powers, and whether dsp knows what
 * dockerd will do with it. Pure: bytes in, facts out.
 */
#ifndef DSP_FACTS_H
#define DSP_FACTS_H

#include <stdbool.h>

#include "dsp/details.h"
#include "dsp/err.h"
#include "dsp/powers.h"
#include "dsp/request.h"
#include "dsp/route.h"
#include "dsp/target.h"

enum reading {
	READING_EXACT,
	READING_UNROUTABLE, /* the target has not exactly one clean reading */
	READING_UNREADABLE, /* query or body may be read by dockerd in another way */
};

struct facts {
	const struct route *route; /* NULL: unroutable, or a clean path that no row knows */
	struct target target;
	struct span name;       /* the path's first variable, such as a container's name */
	bool plain_name;        /* it matches [a-zA-Z0-9_.-]+ whole */
	struct span plugin;     /* the familiar local name of a plugin to be made; else empty */
	struct powerset powers; /* when unreadable: those of route and query */
	struct details details; /* what is behind the powers */
	enum reading reading;
	struct err doubt;   /* the part in doubt, "its ...", when reading is not exact */
	const char *advice; /* static: what a client may do about the doubt, or NULL */

	/* Owned: what the spans above may point into. */
	char small[512];
	char *big;
};

/*
 * Reads rq (whose body may be decoded in place) into ret. 0 also for what is unroutable or
 * unreadable. -1 and e only when memory ran out. Always call facts_free afterwards. ret must not be
 * copied: it points into itself.
 */
MUST_USE int facts_read(const struct request *rq, struct facts *ret, struct err *e);

/* Adds what the sights of its mounts say to the facts; every mount has one. */
void facts_judge_mounts(struct facts *f);

void facts_free(struct facts *f);

#endif
