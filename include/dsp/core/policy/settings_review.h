/* Flags that are set, and change nothing. */
#ifndef DSP_SETTINGS_REVIEW_H
#define DSP_SETTINGS_REVIEW_H

#include "dsp/core/policy/policy.h"
#include "dsp/core/policy/settings.h"

/* Adds a notice to settings for flags of 1 that open nothing in the policy made of them. */
void settings_review(struct settings *s, const struct policy *p);

#endif
