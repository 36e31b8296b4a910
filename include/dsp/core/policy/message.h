/* A decision in words: one line for the user whose request was denied. */
#ifndef DSP_MESSAGE_H
#define DSP_MESSAGE_H

#include "dsp/core/policy/nearest_rule.h"

enum { MESSAGE_MOST = 320 }; /* bytes, the terminating NUL included */

/* What a message is about. */
struct message {
	const struct policy *policy;
	const struct subject *subject;
	const struct facts *facts;
	const struct decision *decision;
	const struct nearest_rule *near; /* of the same decision */
};

/*
 * Writes what was denied, which step decided, and what would allow it: what the nearest rule lacks,
 * or a setting. Printable ASCII, terminated. What the client sent is escaped and cut. Of an allowed
 * request: "allowed".
 */
void message_write(const struct message *m, char out[MESSAGE_MOST]);

/*
 * Writes what a denied client reads where clients read no causes: the message of the rule that
 * denies, which is for clients, and reference, the id of a line of the audit log; NULL or empty:
 * there is no such line.
 */
void message_write_short(const struct decision *d, const char *reference, char out[MESSAGE_MOST]);

#endif
