/* What people mean by words that dsp does not know: the rows of meanings.tab. */
#ifndef DSP_MEANINGS_H
#define DSP_MEANINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "dsp/core/base/span.h"

enum meaning_kind {
	MEANING_SETTING,
	MEANING_VARIABLE, /* a setting in an environment, where other programs have names too */
	MEANING_OPERATION,
	MEANING_POWER,
	MEANING_KEY,
};

/*
 * Writes what to write in the place of word, as the end of a message, in printable ASCII; empty: it
 * is not known. Returns whether no other program can mean the word (a row for all that begin so).
 */
bool meaning_write(enum meaning_kind kind, struct span word, char *out, size_t cap);

#endif
