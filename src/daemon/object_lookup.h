/*
 * What the containers, networks, volumes and images are that a request names, as dockerd says by
 * dsp-resolve: a look-up holds those of one request until it is decided. Whatever cannot be found
 * out makes the request unreadable. Used by the event loop's thread alone.
 */
#ifndef DSP_OBJECT_LOOKUP_H
#define DSP_OBJECT_LOOKUP_H

#include <errno.h>

#include "dsp/core/base/err.h"
#include "dsp/core/facts/facts.h"
#include "dsp/owners/owners.h"
#include "object_asks.h"

enum {
	OBJECTS_MOST = 32, /* different ones of a request */
	OBJECTS_MS = 2000, /* for all of them */
	/* facts.doubt.code where a request names what could not be found out */
	OBJECT_UNKNOWN_CODE = ENODATA,
};

struct object_lookup;

/* Where a look-up asks. */
struct object_source {
	struct object_asks *asks; /* NULL: this dspd has no dsp-resolve */
	const char *path;         /* of dsp-resolve's socket; empty: off */
	pid_t dockerd;            /* whose request it is */
	struct owners *owners;    /* NULL: none are known */
	bool may_fail; /* only rules that record need it: a failure makes nothing unreadable */
};

/*
 * Begins to ask about the attributes of these kinds (a bit for each ATTRIBUTE_...), but those that
 * the request makes, except volumes. *ret gets the look-up, which the caller frees once facts are
 * no longer read; NULL: nothing is to be asked, or facts are now unreadable and say why. -1 and e:
 * no memory.
 */
MUST_USE int object_lookup_begin(const struct object_source *source, struct facts *facts,
	unsigned kinds, struct object_lookup **ret, struct err *e);

/* Sets attribute.object of the networks that each dockerd has: they are never asked for. */
void object_lookup_predefined(struct facts *facts);

/* Goes on with what was answered. Whether it has ended: all is known, failed, or took too long. */
bool object_lookup_step(struct object_lookup *l);

/* When object_lookup_step is to be called at the latest, by clock_now. */
uint64_t object_lookup_deadline(const struct object_lookup *l);

/*
 * Puts what was found behind the attributes, where facts are exact: it lives with l, owners until
 * they change. The name of a
 * volume that is to be made gets it where there is such a volume already. coming: a bit for each
 * kind of which something may have been made whose owner is not known yet. What was not
 * found out makes facts unreadable. After the look-up has ended, and that of mounts too.
 */
void object_lookup_attach(struct object_lookup *l, unsigned coming, struct facts *facts);

/* Also before it has ended. NULL is fine. */
void object_lookup_free(struct object_lookup *l);

#endif
