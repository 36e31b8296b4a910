/*
 * What a name of an image in a rule, a glob, covers and touches.
 */
#ifndef DSP_IMAGE_RULES_H
#define DSP_IMAGE_RULES_H

#include "dsp/core/facts/attributes.h"

/* Whether an allow rule's glob covers all that an image may be. */
bool image_rules_covers(struct span glob, const struct attribute *d);

/*
 * Whether a deny rule's glob, as reference_plain writes it, may be an image. One by its tag may be
 * any digest of its repository, one by its digest any tag of it, and any of them may have an
 * image's id. A registry has more than one name: deny goes by the plain one.
 */
bool image_rules_touches(struct span glob, const struct attribute *d);

#endif
