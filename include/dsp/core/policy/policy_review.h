/*
 * What is wrong with a policy as a whole, when each part of its file is right: rules that are never
 * reached, that match nothing, that can be walked around. Pure.
 */
#ifndef DSP_POLICY_REVIEW_H
#define DSP_POLICY_REVIEW_H

#include "dsp/core/policy/findings.h"
#include "dsp/core/policy/policy.h"

/*
 * Looks at the rules of a policy (file_rules is not NULL) and adds what it finds to f, whose text
 * is that of their file. Rules that are flawed are passed over; where f holds errors already, so
 * are the questions that only a whole policy can answer. f->lost: no memory.
 */
void policy_review(const struct policy *policy, struct findings *f);

#endif
