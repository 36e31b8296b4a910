/* Numbers that are found by texts: a hash table that does not grow. */
#ifndef DSP_SPAN_TABLE_H
#define DSP_SPAN_TABLE_H

#include <stdint.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/mem_list.h"
#include "dsp/core/base/span.h"

struct span_table {
	struct span_slot *slots; /* NULL: it is empty, and stays so */
	size_t count;
};

/* Makes an empty table with room for `most` texts in the list's memory. -1: no memory. */
MUST_USE int span_table_init(struct span_table *t, struct mem_list *memory, size_t most);

/* Adds a text, which is borrowed, at most `most` of them; a text that is there stays as it is. */
void span_table_add(struct span_table *t, struct span text, size_t number);

/* The number of a text; SIZE_MAX: it is not there. */
size_t span_table_find(const struct span_table *t, struct span text);

#endif
