/*
 * What people write behind dsp allow: a power by its name or flag (exec, ALLOW_EXEC), an operation
 * by its name or a glob (container_kill, image_*), read, section:NAME, or run, what docker run
 * needs.
 */
#ifndef DSP_GRANT_WORDS_H
#define DSP_GRANT_WORDS_H

#include <stdbool.h>

#include "dsp/core/base/err.h"
#include "dsp/core/facts/powers.h"
#include "dsp/core/facts/route.h"

enum { GRANT_GLOBS_MOST = 16 };

struct grant_words {
	struct powerset named;  /* powers that people wrote: every operation for them is meant */
	struct powerset powers; /* these, and those that the operations need */
	bool operations[OPERATION_COUNT];
	bool needed[OPERATION_COUNT];        /* reads that clients send besides */
	const char *globs[GRANT_GLOBS_MOST]; /* as people wrote them; their operations are not in
						operations */
	size_t glob_count;
};

/* Adds what a word means; of a power what clients need to use it. -1 and e: it means nothing. */
MUST_USE int grant_words_add(struct grant_words *w, const char *word, struct err *e);

/* Whether a word means the operation of this route. */
bool grant_words_have(const struct grant_words *w, const struct route *row);

/* Call it after the last word: adds the operations for the powers. */
void grant_words_finish(struct grant_words *w);

#endif
