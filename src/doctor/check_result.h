/* What one check of the doctor found: a state, a text, and what to do. */
#ifndef DSP_CHECK_RESULT_H
#define DSP_CHECK_RESULT_H

#include "dsp/core/base/err.h"
#include "dsp/core/base/text.h"

/* From the best to the worst. */
enum check_state {
	CHECK_OK,
	CHECK_NOTE,    /* worth knowing; there is nothing to do */
	CHECK_UNKNOWN, /* the check was not possible; this counts as worse than a note */
	CHECK_WARNING, /* weak, or it will break at the next start or reload */
	CHECK_FAULT,   /* dsp does not protect this dockerd, or Docker does not work */
};

struct check_result {
	enum check_state state;
	struct line text;
	struct line advice; /* empty: the remedy of the table */
	char text_room[800];
	char advice_room[400];
};

void check_result_init(struct check_result *result);

/*
 * Adds a finding. The worst one gives the state; the texts of CHECK_OK are dropped if there is
 * another. Unprintable bytes become "?".
 */
void check_result_add(struct check_result *result, enum check_state state, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* Sets the advice: the exact command. Only the first call counts. */
void check_result_advise(struct check_result *result, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
