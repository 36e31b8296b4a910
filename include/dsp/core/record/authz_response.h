/*
 * dockerd's word on what became of a request (AuthZRes), picked out of its bytes as they come: the
 * bodies in it may be of any size, and nothing of them is kept. Pure. What cannot be read is no
 * outcome, and never an error.
 */
#ifndef DSP_AUTHZ_RESPONSE_H
#define DSP_AUTHZ_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>

#include "dsp/core/base/span.h"
#include "dsp/core/record/audit_record.h"

enum { AFTERMATH_TEXTS = 3, AFTERMATH_ROOM = 4096, AFTERMATH_KEY = 24 };

struct aftermath {
	int state;
	bool escaped;   /* a backslash was the last byte of a string */
	bool in_string; /* of a value that is passed over */
	bool failed;
	bool done; /* all that can be wanted is there */
	size_t depth;
	char key[AFTERMATH_KEY];
	size_t key_n;
	int taking; /* which text, or -1: the status, -2: nothing */
	size_t at
		[AFTERMATH_TEXTS]; /* where in text each begins, its quote included; 0: not there */
	size_t end[AFTERMATH_TEXTS];
	unsigned status;
	size_t n;
	char text[AFTERMATH_ROOM]; /* as JSON has them */
};

void aftermath_begin(struct aftermath *s);

void aftermath_take(struct aftermath *s, struct span piece);

/*
 * The outcome, when all has come; its spans lie in s, which changes. pair is left alone. False: it
 * could not be read, or is longer than is kept.
 */
bool aftermath_end(struct aftermath *s, struct record_outcome *ret);

#endif
