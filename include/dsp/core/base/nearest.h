/* The known word nearest to one that is not known: for "did you mean". */
#ifndef DSP_NEAREST_H
#define DSP_NEAREST_H

#include "dsp/core/base/span.h"

struct suggestion {
	struct span name;    /* the unknown word */
	size_t edits;        /* the best so far; starts as one more than is near */
	struct span nearest; /* empty: none is near */
};

/* most: edits that are still near (a swap is one); 0: as many as suit the word's length. */
struct suggestion suggest(struct span name, size_t most);

/* Looks at one known word. */
void suggest_try(struct suggestion *s, struct span known);

#endif
