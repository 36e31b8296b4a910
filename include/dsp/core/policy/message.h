/* A decision in words: one line for the user whose request was denied. */
#ifndef DSP_MESSAGE_H
#define DSP_MESSAGE_H

#include "dsp/core/policy/nearest_rule.h"

enum { MESSAGE_MOST = 320 }; /* bytes, the terminating NUL included */

/*
 * Writes what was denied, which step decided, and what would allow it: what the nearest rule lacks,
 * or a setting. Printable ASCII, terminated. What the client sent is escaped and cut. Of an allowed
 * request: "allowed". near: of the same decision.
 */
void message_write(const struct policy *policy, const struct subject *subject,
	const struct facts *facts, const struct decision *d, const struct nearest_rule *near,
	char out[MESSAGE_MOST]);

#endif
