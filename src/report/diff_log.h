/* Which decisions of an audit log two policies decide differently. */
#ifndef DSP_DIFF_LOG_H
#define DSP_DIFF_LOG_H

#include <jansson.h>

#include "dsp/core/base/err.h"
#include "dsp/explain/policy_diff.h"

/*
 * Decides the requests of a log (a file, or "-") again by both. NULL and e: it cannot be read, or
 * no memory. Else {"log", "requests", "undecidable", "changed": [{"request", "times", "old", "new",
 * "why", "doubt"}]}.
 */
json_t *diff_log(char *path, const struct policy_pair *pair, struct err *e);

#endif
