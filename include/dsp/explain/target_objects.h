/*
 * What the containers, networks and volumes are that a request names, where nobody asks dockerd:
 * as an administrator writes it for dsp explain and dsp test.
 */
#ifndef DSP_TARGET_OBJECTS_H
#define DSP_TARGET_OBJECTS_H

#include "dsp/core/base/err.h"
#include "dsp/core/facts/facts.h"

struct target_objects;

/*
 * Parses JSON: an object with the keys kind ("container", "network", "volume"; a container without),
 * ref (as the request names it; any without), name (as the request names it without), owner
 * (nobody without), labels, image, missing (true: there is none); or a list of such. The caller
 * frees *ret with target_objects_free. -1 and e: it is something else, or memory ran out.
 */
MUST_USE int target_objects_parse(struct span json, struct target_objects **ret, struct err *e);

/*
 * Says of each thing that f names, and does not make, what it is: by the first object for it. t
 * must outlive f; NULL: nothing is known. -1 and e: no memory.
 */
MUST_USE int target_objects_attach(const struct target_objects *t, struct facts *f, struct err *e);

void target_objects_free(struct target_objects *t);

#endif
