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

/*
 * The slot of a key, which is free when there is no such row. Keys that are made to share a hash
 * slow a report down, at worst by the number of rows.
 */
static size_t find_slot(const struct counter *t, const char *key)
{
	size_t mask = slot_count(t) - 1;
	size_t at = text_hash(span_of(key)) & mask;

	while (t->slots[at] && strcmp(t->rows[t->slots[at] - 1].key, key) != 0)
		at = (at + 1) & mask;
	return at;
}

const struct counter_row *counter_find(const struct counter *t, const char *key)
{
	size_t slot = t->slots[find_slot(t, key)];

	return slot ? &t->rows[slot - 1] : NULL;
}

struct counter_row *counter_row(struct counter *t, const char *key)
{
	size_t at = find_slot(t, key);
	char *copy;

	if (t->slots[at])
		return &t->rows[t->slots[at] - 1];
	copy = t->count < t->most ? mem_copy(key, strlen(key)) : NULL;
	if (!copy)
		return &t->others;
	t->slots[at] = ++t->count;
	t->rows[t->count - 1].key = copy;
	return &t->rows[t->count - 1];
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
