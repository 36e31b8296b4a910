#include "dsp/core/parse/fields.h"

#define ROW(st, low, nm, ty, sub)                                                                  \
	{ .in = (st),                                                                              \
		.folded = { (low), sizeof(low) - 1 },                                              \
		.name = { (nm), sizeof(nm) - 1 },                                                  \
		.type = (ty),                                                                      \
		.of = (sub) },

/* Those of one struct stand by the lengths of their names, after the struct that it includes. */
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

size_t field_fold(struct span key, char *out, size_t cap)
{
	size_t n = 0;

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

/* NOLINTNEXTLINE(misc-no-recursion): no struct includes one that includes it. */
static const struct field *find_folded(enum struct_id id, struct span folded)
{
	const struct field *first = rows + ranges[id].first;
	const struct field *end = rows + ranges[id].end;
	const struct field *f = first;

	const struct field *after = end;

	/* To the first row whose name is not shorter: it stands between f and after. */
	while (f < after) {
		const struct field *middle = f + (after - f) / 2;

		if (middle->folded.n < folded.n)
			f = middle + 1;
		else
			after = middle;
	}
	for (; f < end && f->folded.n == folded.n; f++) {
		if (f->type != TYPE_INCLUDE && memcmp(f->folded.s, folded.s, folded.n) == 0)
			return f;
	}
	return first < end && first->type == TYPE_INCLUDE ? find_folded(first->of, folded) : NULL;
}

const struct field *fields_of_struct(enum struct_id id, size_t *count)
{
	*count = ranges[id].end - ranges[id].first;
	return rows + ranges[id].first;
}

const struct field *field_find(enum struct_id id, struct span key)
{
	char folded[32];
	size_t n = field_fold(key, folded, sizeof(folded));

	if (n > sizeof(folded))
		return NULL;
	return find_folded(id, (struct span){ folded, n });
}
