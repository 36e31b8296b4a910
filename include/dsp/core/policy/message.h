/* A decision in words: one line for the person whose request was refused. */
#ifndef DSP_MESSAGE_H
#define DSP_MESSAGE_H

#include "dsp/core/policy/decide.h"

enum { MESSAGE_MOST = 208 };

/*
 * Writes what was refused, what decided, and what would allow it: printable ASCII, at most
 * MESSAGE_MOST - 1 bytes, terminated. What the client sent is escaped and cut.
 */
void message_write(const struct policy *policy, const struct subject *subject,
	const struct facts *facts, const struct decision *d, char out[MESSAGE_MOST]);

#endif
