#include "dsp/folds.h"

#include "dsp/mem.h"
#include "dsp/text.h"

/* FNV-1a over eight bytes at a time: it only chooses what is compared. */
static uint64_t hash_of(struct span text)
{
	uint64_t hash = 0xcbf29ce484222325U;

	for (; text.n >= sizeof(uint64_t); text = span_after(text, sizeof(uint64_t))) {
		uint64_t part;

		memcpy(&part, text.s, sizeof(part));
		hash = (hash ^ part) * 0x100000001b3U;
		hash ^= hash >> 32;
	}
	for (; text.n > 0; text = span_after(text, 1))
		hash = (hash ^ (unsigned char)text.s[0]) * 0x100000001b3U;
	return hash;
}

static bool is_over(const struct fold *f, uint64_t now_us)
{
	/* A clock that was set back ends it too. */
	return now_us < f->begun_us || now_us - f->begun_us >= FOLD_US;
}

struct fold *folds_find(struct folds *f, struct span text, uint64_t now_us)
{
	uint64_t hash = hash_of(text);

	for (size_t i = 0; i < FOLDS; i++) {
		struct fold *item = &f->items[i];

		if (item->n > 0 && item->hash == hash && item->n == text.n &&
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
	struct fold *oldest = &f->items[0];

	for (size_t i = 0; i < FOLDS; i++) {
		if (f->items[i].n == 0)
			return &f->items[i];
		if (f->items[i].begun_us < oldest->begun_us)
			oldest = &f->items[i];
	}
	return oldest;
}

void fold_begin(struct fold *f, struct span text, const struct fold_of *of, uint64_t now_us)
{
	f->n = 0;
	f->count = 0;
	if (text.n > f->room) {
		char *more = mem_resize(f->text, text.n);

		if (!more)
			return;
		f->text = more;
		f->room = text.n;
	}
	memcpy(f->text, text.s, text.n);
	f->n = text.n;
	f->hash = hash_of(text);
	f->begun_us = now_us;
	f->type = of->type;
	text_copy(span_of(of->id), f->id, sizeof(f->id));
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
