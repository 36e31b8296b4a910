/* What one of the doctor's checks found: a state, words for a person, and what to do. */
#ifndef DSP_CHECK_RESULT_H
#define DSP_CHECK_RESULT_H

#include "dsp/core/base/err.h"
#include "dsp/core/base/text.h"

/* From the best to the worst. */
enum state {
	STATE_OK,
	STATE_NOTE,    /* worth knowing; nothing is to be done */
	STATE_UNKNOWN, /* it could not be looked at: never taken for good */
	STATE_WARNING, /* weak, or it will break at the next start or reload */
	STATE_FAULT,   /* dsp does not protect this dockerd, or Docker does not work */
};

/* What a check found. */
struct outcome {
	enum state state;
	struct line text;
	struct line advice; /* empty: the table's */
	char text_room[800];
	char advice_room[400];
};

void outcome_init(struct outcome *o);

/* Adds a finding; the worst one gives the state, and what is fine is told only when all is. */
void outcome_say(struct outcome *o, enum state state, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* What to do: the exact command. The first one counts. */
void outcome_advise(struct outcome *o, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
