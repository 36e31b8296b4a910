/* References to images and plugins, as Docker normalises them. */
#ifndef DSP_REFERENCE_H
#define DSP_REFERENCE_H

#include "dsp/span.h"

/*
 * The familiar form of a reference's name: docker.io and library away, tag and digest too
 * (distribution/reference, ParseNormalizedNamed). Points into name.
 */
struct span reference_familiar(struct span name);

#endif
