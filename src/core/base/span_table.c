#include "dsp/core/base/span_table.h"

#include "dsp/core/base/text.h"

struct span_slot {
	struct span text;
	size_t number;
	bool used;
};

int span_table_init(struct span_table *t, struct mem_list *memory, size_t most)
{
	t->count = 2 * most + 1;
	t->slots = mem_list_alloc(memory, t->count * sizeof(*t->slots));
	return t->slots ? 0 : -1;
}

/* The slot of a text, or the one where it would stand: there are more slots than texts. */
static struct span_slot *find_slot(const struct span_table *t, struct span text)
{
	size_t at = text_hash(text) % t->count;

	while (t->slots[at].used && !span_equal(t->slots[at].text, text))
		at = (at + 1) % t->count;
	return &t->slots[at];
}

void span_table_add(struct span_table *t, struct span text, size_t number)
{
	struct span_slot *slot = find_slot(t, text);

	if (!slot->used)
		*slot = (struct span_slot){ text, number, true };
}

size_t span_table_find(const struct span_table *t, struct span text)
{
	const struct span_slot *slot = t->slots ? find_slot(t, text) : NULL;

	return slot && slot->used ? slot->number : SIZE_MAX;
}
