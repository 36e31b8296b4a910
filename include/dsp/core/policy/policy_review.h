/*
 * Finds mistakes in a policy of which each part is valid: rules that never apply, that match
 * nothing, that a client can get around.
 */
#ifndef DSP_POLICY_REVIEW_H
#define DSP_POLICY_REVIEW_H

#include "dsp/core/policy/findings.h"
#include "dsp/core/policy/policy.h"

/*
 * Reviews the rules of a policy (file_rules is not NULL) and adds findings to f, whose text is that
 * of their file. Skips rules that have errors; if f has errors already, skips the checks that need
 * a whole policy too. Sets f->lost when memory ran out.
 */
void policy_review(const struct policy *policy, struct findings *f);

#endif
