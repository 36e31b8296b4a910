/* What one of the doctor's checks found: a state, words for a person, and what to do. */
#ifndef DSP_CHECK_RESULT_H
#define DSP_CHECK_RESULT_H

#include "dsp/core/base/err.h"
#include "dsp/core/base/text.h"

/* From the best to the worst. */
enum check_state {
	CHECK_OK,
	CHECK_NOTE,    /* worth knowing; nothing is to be done */
	CHECK_UNKNOWN, /* it could not be looked at: never taken for good */
	CHECK_WARNING, /* weak, or it will break at the next start or reload */
	CHECK_FAULT,   /* dsp does not protect this dockerd, or Docker does not work */
};

/* What a check found. */
struct check_result {
	enum check_state state;
	struct line text;
	struct line advice; /* empty: the table's */
	char text_room[800];
	char advice_room[400];
};

void check_result_init(struct check_result *result);

/* Adds a finding; the worst one gives the state, and what is fine is told only when all is. */
void check_result_add(struct check_result *result, enum check_state state, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* What to do: the exact command. The first one counts. */
void check_result_advise(struct check_result *result, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
