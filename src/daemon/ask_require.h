/* The "require" of a grant for a request that waits for root: its command, and the rule's own. */
#ifndef DSP_ASK_REQUIRE_H
#define DSP_ASK_REQUIRE_H

#include <jansson.h>

#include "dsp/core/base/err.h"
#include "dsp/core/facts/facts.h"
#include "dsp/core/policy/conditions.h"

/*
 * Adds to the object what the rule that asks requires (NULL: nothing), and of a request that runs a
 * command exactly that command, its user and its working directory.
 * body: as the client sent it. -1 and e: that cannot be said exactly, or no memory.
 */
MUST_USE int ask_require_add(json_t *require, const struct conditions *conditions,
	const struct facts *facts, struct span body, struct err *e);

#endif
