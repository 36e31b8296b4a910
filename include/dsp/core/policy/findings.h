/* The mistakes in a file, all of one run, each with its place. */
#ifndef DSP_FINDINGS_H
#define DSP_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

struct finding {
	size_t line; /* from 1 */
	size_t column;
	bool warning; /* the file can still be used */
	char text[256];
};

struct findings {
	const char *file; /* its name, for messages */
	struct span text; /* of the file as it was before parsing; borrowed */
	struct finding *items;
	size_t count;
	size_t room;
	bool lost;     /* memory ran out: there may be more findings */
	size_t at;     /* offset of the line of the last finding */
	size_t before; /* lines before that line */
};

/* Adds a finding at an offset, in bytes, of the text. Its text must become printable ASCII. */
void findings_error(struct findings *f, size_t at, const char *fmt, ...) PRINTF_LIKE(3, 4);
void findings_warning(struct findings *f, size_t at, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Whether there is an error, or memory ran out: the file must not be used. */
bool findings_fatal(const struct findings *f);

/* The first error as one line: "FILE:LINE:COLUMN: text (and 3 more)". */
void findings_first(const struct findings *f, struct err *e);

/* Sorts by place. */
void findings_sort(struct findings *f);

void findings_free(struct findings *f);

#endif
