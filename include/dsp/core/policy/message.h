/* A decision in words: one line for the user whose request was denied. */
#ifndef DSP_MESSAGE_H
#define DSP_MESSAGE_H

#include "dsp/core/policy/decide.h"

enum { MESSAGE_MOST = 208 }; /* bytes, the terminating NUL included */

/*
 * Writes what was denied, which step decided, and which setting would allow it: printable ASCII,
 * terminated. What the client sent is escaped and cut. Of an allowed request: "allowed".
 */
void message_write(const struct policy *policy, const struct subject *subject,
	const struct facts *facts, const struct decision *d, char out[MESSAGE_MOST]);

#endif
