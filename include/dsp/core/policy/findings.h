/* What is wrong with a file, all of it in one run: each with its place. */
#ifndef DSP_FINDINGS_H
#define DSP_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

struct finding {
	size_t line; /* from 1; 0: it has no place */
	size_t column;
	bool warning; /* the file can be used all the same */
	char text[256];
};

struct findings {
	const char *file; /* its name, for a person */
	struct span text; /* as it was before it was read; borrowed */
	struct finding *items;
	size_t count;
	size_t room;
	bool lost;     /* memory ran out: there may be more */
	size_t at;     /* of the last one: where its line began */
	size_t before; /* and how many lines there are before it */
};

/* Adds one at `at` bytes from the start of the text; printable ASCII. */
void findings_error(struct findings *f, size_t at, const char *fmt, ...) PRINTF_LIKE(3, 4);
void findings_warning(struct findings *f, size_t at, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Whether there is an error, or memory for one was lacking. */
bool findings_fatal(const struct findings *f);

/* The first error as one line: "FILE:LINE:COLUMN: text (and 3 more)". */
void findings_first(const struct findings *f, struct err *e);

/* In the order of the places. */
void findings_sort(struct findings *f);

void findings_free(struct findings *f);

#endif
