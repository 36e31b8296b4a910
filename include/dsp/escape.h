/*
 * What a policy leaves open: for each power a request that asks for it and is allowed, from the
 * same tables by which requests are judged. Pure.
 */
#ifndef DSP_ESCAPE_H
#define DSP_ESCAPE_H

#include "dsp/policy.h"
#include "dsp/route.h"

/*
 * Whether a request that asks for p, and no more than it must, is allowed. ret: its route; NULL
 * when it is one that the table does not know.
 */
bool escape_find(const struct policy *policy, enum power p, const struct route **ret);

#endif
