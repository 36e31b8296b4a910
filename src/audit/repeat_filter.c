#include "dsp/audit/repeat_filter.h"

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"

static bool is_over(const struct fold *f, uint64_t now_us)
{
	/* A clock that was set back ends it too. */
	return now_us < f->begun_us || now_us - f->begun_us >= FOLD_US;
}

struct fold *folds_find(struct folds *f, struct span text, uint64_t now_us)
{
	f->hash = text_hash(text);
	for (size_t i = 0; i < FOLDS; i++) {
		struct fold *item = &f->items[i];

		if (f->hashes[i] == f->hash && item->n > 0 && item->n == text.n &&
			!is_over(item, now_us) && memcmp(item->text, text.s, text.n) == 0)
			return item;
	}
	return NULL;
}

void fold_count(struct fold *f, uint64_t now_us)
{
	if (f->count++ == 0)
		f->first_us = now_us;
	f->last_us = now_us;
}

struct fold *folds_place(struct folds *f)
{
	return &f->items[f->next];
}

void folds_begin(struct folds *f, struct span text, const struct fold_of *of, uint64_t now_us)
{
	struct fold *item = &f->items[f->next];

	fold_end(item);
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
	f->next = (f->next + 1) % FOLDS;
}

struct fold *folds_due(struct folds *f, uint64_t now_us, bool all)
{
	for (size_t i = 0; i < FOLDS; i++) {
		if (f->items[i].count > 0 && (all || is_over(&f->items[i], now_us)))
			return &f->items[i];
	}
	return NULL;
}

void fold_end(struct fold *f)
{
	f->n = 0;
	f->count = 0;
}

void folds_free(struct folds *f)
{
	for (size_t i = 0; i < FOLDS; i++) {
		mem_free(f->items[i].text);
		f->items[i] = (struct fold){ .text = NULL };
	}
}
