#include "dsp/audit/repeat_filter.h"

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"

static bool is_over(const struct repeat *f, uint64_t now_us)
{
	/* Over too when the clock was set back. */
	return now_us < f->begun_us || now_us - f->begun_us >= REPEAT_US;
}

struct repeat *repeat_filter_find(struct repeat_filter *f, struct span text, uint64_t now_us)
{
	f->hash = text_hash(text);
	for (size_t i = 0; i < REPEAT_LINES; i++) {
		struct repeat *item = &f->items[i];

		if (f->hashes[i] == f->hash && item->n > 0 && item->n == text.n &&
			!is_over(item, now_us) && memcmp(item->text, text.s, text.n) == 0)
			return item;
	}
	return NULL;
}

void repeat_count(struct repeat *f, uint64_t now_us)
{
	if (f->count++ == 0)
		f->first_us = now_us;
	f->last_us = now_us;
}

struct repeat *repeat_filter_oldest(struct repeat_filter *f)
{
	return &f->items[f->next];
}

void repeat_filter_add(
	struct repeat_filter *f, struct span text, const struct repeat_source *of, uint64_t now_us)
{
	struct repeat *item = &f->items[f->next];

	repeat_clear(item);
	if (text.n > item->room) {
		char *more = mem_resize(item->text, text.n);

		if (!more)
			return;
		item->text = more;
		item->room = text.n;
	}
	memcpy(item->text, text.s, text.n);
	item->n = text.n;
	item->begun_us = now_us;
	item->type = of->type;
	text_copy(span_of(of->id), item->id, sizeof(item->id));
	f->hashes[f->next] = f->hash;
	f->next = (f->next + 1) % REPEAT_LINES;
}

struct repeat *repeat_filter_due(struct repeat_filter *f, uint64_t now_us, bool all)
{
	for (size_t i = 0; i < REPEAT_LINES; i++) {
		if (f->items[i].count > 0 && (all || is_over(&f->items[i], now_us)))
			return &f->items[i];
	}
	return NULL;
}

void repeat_clear(struct repeat *f)
{
	f->n = 0;
	f->count = 0;
}

void repeat_filter_free(struct repeat_filter *f)
{
	for (size_t i = 0; i < REPEAT_LINES; i++) {
		mem_free(f->items[i].text);
		f->items[i] = (struct repeat){ .text = NULL };
	}
}
