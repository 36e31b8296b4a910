#include "owner_rows.h"

#include <search.h>

#include "dsp/core/base/mem.h"

struct owner_row *owner_row_new(const struct owned *thing)
{
	struct owner_row *row = mem_alloc(sizeof(*row) + thing->id.n + thing->owner.n + 1);

	if (!row)
		return NULL;
	memcpy(row->text, thing->id.s, thing->id.n);
	if (thing->owner.n > 0)
		memcpy(row->text + thing->id.n, thing->owner.s, thing->owner.n);
	row->thing = *thing;
	row->given = row->doubt = 0;
	row->thing.id.s = row->text;
	row->thing.owner.s = row->text + thing->id.n;
	return row;
}

/* What the tree compares: rows, and things that are looked for. Both begin with a struct owned. */
static int compare(const void *left, const void *right)
{
	const struct owned *a = left;
	const struct owned *b = right;
	size_t n = a->id.n < b->id.n ? a->id.n : b->id.n;
	int order;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	order = n > 0 ? memcmp(a->id.s, b->id.s, n) : 0;
	if (order != 0)
		return order;
	return a->id.n == b->id.n ? 0 : a->id.n < b->id.n ? -1 : 1;
}

bool owner_rows_put(struct owner_rows *rows, struct owner_row *row)
{
	struct owner_row **at = tsearch(row, &rows->root, compare);

	if (!at) {
		mem_free(row);
		return false;
	}
	if (*at == row) {
		rows->count++;
	} else {
		mem_free(*at);
		*at = row;
	}
	return true;
}

struct owner_row *owner_rows_find(
	const struct owner_rows *rows, enum attribute_kind kind, struct span id)
{
	const struct owned wanted = { .kind = kind, .id = id };
	struct owner_row *const *at = tfind(&wanted, &rows->root, compare);

	return at ? *at : NULL;
}

bool owner_rows_set_missing(
	struct owner_rows *rows, enum attribute_kind kind, struct span id, bool missing)
{
	const struct owned wanted = { .kind = kind, .id = id };
	struct owner_row *const *at = tfind(&wanted, &rows->root, compare);
	bool before = at && (*at)->thing.missing;

	if (at)
		(*at)->thing.missing = missing;
	return before;
}

bool owner_rows_remove(struct owner_rows *rows, enum attribute_kind kind, struct span id)
{
	const struct owned wanted = { .kind = kind, .id = id };
	struct owner_row *const *at = tfind(&wanted, &rows->root, compare);
	struct owner_row *row = at ? *at : NULL;

	if (!row)
		return false;
	(void)tdelete(row, &rows->root, compare);
	rows->count--;
	mem_free(row);
	return true;
}

void owner_rows_merge(struct owner_rows *rows, struct owner_rows *more)
{
	while (more->root) {
		struct owner_row *row = *(struct owner_row **)more->root;

		(void)tdelete(row, &more->root, compare);
		if (owner_rows_find(rows, row->thing.kind, row->thing.id))
			mem_free(row);
		else
			(void)owner_rows_put(rows, row);
	}
	more->count = 0;
}

struct walk {
	struct owned from;
	bool (*each)(void *ctx, const struct owned *thing);
	void *ctx;
	bool ended;
};

static void visit(const void *node, VISIT order, void *closure)
{
	const struct owner_row *row = *(struct owner_row *const *)node;
	struct walk *w = closure;

	if (order == preorder || order == endorder || w->ended)
		return;
	if (w->from.id.n == 0 || compare(&row->thing, &w->from) > 0)
		w->ended = !w->each(w->ctx, &row->thing);
}

void owner_rows_each(const struct owner_rows *rows, enum attribute_kind kind, struct span id,
	bool (*each)(void *ctx, const struct owned *thing), void *ctx)
{
	struct walk w = { .from = { .kind = kind, .id = id }, .each = each, .ctx = ctx };

	twalk_r(rows->root, visit, &w);
}

void owner_rows_free(struct owner_rows *rows)
{
	tdestroy(rows->root, mem_free);
	*rows = (struct owner_rows){ .root = NULL };
}
