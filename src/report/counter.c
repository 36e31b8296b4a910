#include "counter.h"

#include <stdlib.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"

/* A power of 2 that leaves at least half of the table free. */
static size_t slot_count(const struct counter *t)
{
	size_t n = 16;

	while (n < t->most * 2)
		n *= 2;
	return n;
}

int counter_init(struct counter *t, size_t most)
{
	*t = (struct counter){ .most = most };
	t->rows = mem_array(most, sizeof(*t->rows));
	t->slots = mem_array(slot_count(t), sizeof(*t->slots));
	return t->rows && t->slots ? 0 : -1;
}

void counter_free(struct counter *t)
{
	for (size_t i = 0; i < t->count; i++) {
		mem_free(t->rows[i].key);
		mem_free(t->rows[i].example);
	}
	mem_free(t->others.example);
	mem_free(t->rows);
	mem_free(t->slots);
	*t = (struct counter){ .rows = NULL };
}

/* Keys that are made to share a hash slow a report down, at worst by the number of rows. */
struct counter_row *counter_row(struct counter *t, const char *key)
{
	size_t mask = slot_count(t) - 1;
	size_t at = text_hash(span_of(key)) & mask;
	struct counter_row *row;
	char *copy;

	for (; t->slots[at]; at = (at + 1) & mask) {
		row = &t->rows[t->slots[at] - 1];
		if (strcmp(row->key, key) == 0)
			return row;
	}
	if (t->count == t->most)
		return &t->others;
	copy = mem_copy(key, strlen(key));
	if (!copy)
		return &t->others;
	row = &t->rows[t->count];
	row->key = copy;
	t->slots[at] = ++t->count;
	return row;
}

static int compare(const void *left, const void *right, void *by)
{
	const struct counter_row *a = left;
	const struct counter_row *b = right;
	enum counter_column column = *(const enum counter_column *)by;

	if (a->n[column] != b->n[column])
		return a->n[column] < b->n[column] ? 1 : -1;
	return strcmp(a->key, b->key);
}

void counter_sort(struct counter *t, enum counter_column by)
{
	if (t->count > 0)
		qsort_r(t->rows, t->count, sizeof(*t->rows), compare, &by);
}

const char *counter_part(const struct counter_row *row, size_t part, char *room, size_t cap)
{
	struct span rest = span_of(row->key);
	size_t n = span_find(rest, COUNTER_SEPARATOR);

	for (; part > 0; part--) {
		rest = span_after(rest, n < rest.n ? n + 1 : n);
		n = span_find(rest, COUNTER_SEPARATOR);
	}
	rest.n = n;
	text_copy(rest, room, cap);
	return room;
}
