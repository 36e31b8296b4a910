/* Memory that is taken piece by piece and given back as a whole. */
#ifndef DSP_ARENA_H
#define DSP_ARENA_H

#include <stddef.h>

struct arena {
	struct arena_piece *pieces; /* starts as NULL */
};

/* n zeroed bytes, aligned for anything; NULL when memory ran out. */
void *arena_take(struct arena *a, size_t n) __attribute__((warn_unused_result));

void arena_free(struct arena *a);

#endif
