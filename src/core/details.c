#include "dsp/details.h"

#include "dsp/mem.h"

struct details_text {
	struct details_text *next;
	char bytes[];
};

int details_add(struct details *d, const struct detail *item)
{
	if (d->count == d->room) {
		size_t room = d->room > 0 ? d->room * 2 : 8;
		struct detail *items = mem_resize(d->items, room * sizeof(*items));

		if (!items)
			return -1;
		d->items = items;
		d->room = room;
	}
	d->items[d->count++] = *item;
	return 0;
}

char *details_text(struct details *d, size_t n)
{
	struct details_text *text = mem_alloc(sizeof(*text) + n);

	if (!text)
		return NULL;
	text->next = d->texts;
	d->texts = text;
	return text->bytes;
}

void details_free(struct details *d)
{
	while (d->texts) {
		struct details_text *next = d->texts->next;

		mem_free(d->texts);
		d->texts = next;
	}
	mem_free(d->items);
	*d = (struct details){ .items = NULL };
}
