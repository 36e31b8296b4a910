/* References to images and plugins, as Docker normalises them. */
#ifndef DSP_REFERENCE_H
#define DSP_REFERENCE_H

#include <stdbool.h>

#include "dsp/core/base/span.h"

/*
 * The familiar form of a reference's name: docker.io and library away, tag and digest too
 * (distribution/reference, ParseNormalizedNamed). Points into name.
 */
struct span reference_familiar(struct span name);

/*
 * The canonical form of an image's reference: "docker.io/library/x:latest"; a digest is kept
 * (distribution/reference, ParseNormalizedNamed and TagNameOnly). tag: a tag or a digest that is
 * given beside the name and counts before one in it; or empty. out has room for
 * reference_canonical_most bytes; the length.
 */
size_t reference_canonical(struct span name, struct span tag, char *out);
size_t reference_canonical_most(struct span name, struct span tag);

/* Whether such a reference has a tag or a digest; else its canonical form ends with :latest. */
bool reference_is_whole(struct span name, struct span tag);

#endif
