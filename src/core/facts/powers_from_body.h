/* Powers and attributes that a JSON body asks for. */
#ifndef DSP_POWERS_FROM_BODY_H
#define DSP_POWERS_FROM_BODY_H

#include "dsp/core/facts/facts.h"

/*
 * Adds those of f->body, which was parsed; NULL: there is none. The attributes point into its text.
 * -1 without memory.
 */
MUST_USE int powers_from_body(struct facts *f);

#endif
