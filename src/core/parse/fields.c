#include "dsp/core/parse/fields.h"

#include <stdint.h>

#define ROW(st, low, nm, ty, sub)                                                                  \
	{ .in = (st),                                                                              \
		.folded = { (low), sizeof(low) - 1 },                                              \
		.name = { (nm), sizeof(nm) - 1 },                                                  \
		.type = (ty),                                                                      \
		.of = (sub) },

/* Those of one struct stand together, after the struct that it includes. */
static const struct field rows[] = { FIELDS_ROWS(ROW) };

#define RANGE(st, from, to) [st] = { (from), (to) },

static const struct {
	size_t first;
	size_t end;
} ranges[STRUCT_COUNT] = { STRUCT_RANGES(RANGE) };

/* Cuts one character off key and returns it folded; of other characters one byte, as it is. */
static inline char fold_byte(struct span *key)
{
	char c = key->s[0];
	size_t used = 1;

	if (c >= 'A' && c <= 'Z') {
		c = (char)(c - 'A' + 'a');
	} else if ((unsigned char)c >= 0x80) {
		if (span_starts(*key, SPAN("\xc5\xbf"))) {
			c = 's';
			used = 2;
		} else if (span_starts(*key, SPAN("\xe2\x84\xaa"))) {
			c = 'k';
			used = 3;
		}
	}
	*key = span_after(*key, used);
	return c;
}

/* Eight characters in lower case, if they are ASCII: no byte carries into the next. */
static bool fold_eight(const char *from, char *out)
{
	const uint64_t one = 0x0101010101010101U;
	uint64_t all;
	uint64_t capital;

	memcpy(&all, from, sizeof(all));
	if (all & one * 0x80)
		return false;
	capital = (all + one * (0x80 - 'A')) & ~(all + one * (0x7f - 'Z')) & one * 0x80;
	all |= capital >> 2;
	memcpy(out, &all, sizeof(all));
	return true;
}

size_t field_fold(struct span key, char *out, size_t cap)
{
	size_t n = 0;

	while (key.n >= 8 && cap - n >= 8 && fold_eight(key.s, out + n)) {
		key = span_after(key, 8);
		n += 8;
	}
	while (key.n > 0) {
		char c = fold_byte(&key);

		if (n < cap)
			out[n] = c;
		n++;
	}
	return n;
}

int field_compare(struct span a, struct span b)
{
	while (a.n > 0 && b.n > 0) {
		int diff = (unsigned char)fold_byte(&a) - (unsigned char)fold_byte(&b);

		if (diff != 0)
			return diff;
	}
	return (a.n > 0) - (b.n > 0);
}

/* A row's place is found by its struct and the length and three characters of its name. */
static const uint16_t slots[FIELDS_SLOTS] = { FIELDS_SLOT_ROWS };

/* NOLINTNEXTLINE(misc-no-recursion): no struct includes one that includes it. */
static const struct field *find_folded(enum struct_id id, struct span folded)
{
	const struct field *first = rows + ranges[id].first;
	size_t slot = FIELDS_SLOT(id, folded.n, (unsigned char)folded.s[0],
		(unsigned char)folded.s[folded.n / 2], (unsigned char)folded.s[folded.n - 1]);

	for (; slots[slot] > 0; slot = (slot + 1) % FIELDS_SLOTS) {
		const struct field *f = rows + slots[slot] - 1;

		if (f->in == id && f->folded.n == folded.n &&
			memcmp(f->folded.s, folded.s, folded.n) == 0)
			return f;
	}
	return ranges[id].first < ranges[id].end && first->type == TYPE_INCLUDE
		? find_folded(first->of, folded)
		: NULL;
}

const struct field *fields_of_struct(enum struct_id id, size_t *count)
{
	*count = ranges[id].end - ranges[id].first;
	return rows + ranges[id].first;
}

unsigned field_number(const struct field *f)
{
	_Static_assert(sizeof(rows) / sizeof(rows[0]) < FIELDS_MOST, "fits in a bit set of body.c");
	return f ? (unsigned)(f - rows) + 1 : 0;
}

const struct field *field_of_number(unsigned number)
{
	return number > 0 ? &rows[number - 1] : NULL;
}

const struct field *field_find(enum struct_id id, struct span key)
{
	char folded[32];
	size_t n = field_fold(key, folded, sizeof(folded));

	if (n == 0 || n > sizeof(folded))
		return NULL;
	return find_folded(id, (struct span){ folded, n });
}
