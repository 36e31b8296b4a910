#include "dsp/flags.h"

#define FLAG_ROW(nm, kd, p1, p2, ar, pd, wh)                                                       \
	{ .name = (nm),                                                                            \
		.kind = (kd),                                                                      \
		.powers = { (p1), (p2) },                                                          \
		.arg = (ar),                                                                       \
		.proxy_default = (pd),                                                             \
		.what = (wh) },
#define POWER_ROW(id, nm, fl, rt, cg, cr, cp, bt, wh, es)                                          \
	{ .name = (fl),                                                                            \
		.kind = FLAG_KIND_POWER,                                                           \
		.powers = { (id), POWER_COUNT },                                                   \
		.arg = (nm),                                                                       \
		.what = (wh) },

static const struct flag rows[FLAG_COUNT] = { FLAGS_ROWS(FLAG_ROW) POWERS_ROWS(POWER_ROW) };

const struct flag *flag_at(size_t i)
{
	return &rows[i];
}

static bool named(const struct flag *f, struct span name)
{
	struct span known = span_of(f->name);

	if (span_ends(known, SPAN("*")))
		return span_starts(name, (struct span){ known.s, known.n - 1 });
	return span_equal(name, known);
}

size_t flag_find(struct span name)
{
	for (size_t i = 0; i < FLAG_COUNT; i++) {
		if (rows[i].kind != FLAG_KIND_ZERO && named(&rows[i], name))
			return i;
	}
	return FLAG_COUNT;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

enum { LONGEST = 40 };

/* Edits between two words: insert, delete, change, swap of neighbours (optimal alignment). */
static size_t distance(struct span a, struct span b)
{
	size_t d[3][LONGEST + 1];

	for (size_t j = 0; j <= b.n; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t *now = d[i % 3];
		const size_t *up = d[(i - 1) % 3];
		const size_t *up2 = d[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			now[j] = least(least(up[j], now[j - 1]) + 1,
				up[j - 1] + (a.s[i - 1] != b.s[j - 1]));
			if (i > 1 && j > 1 && a.s[i - 1] == b.s[j - 2] && a.s[i - 2] == b.s[j - 1])
				now[j] = least(now[j], up2[j - 2] + 1);
		}
	}
	return d[a.n % 3][b.n];
}

const char *flag_suggest(struct span name, size_t most)
{
	const char *best = NULL;
	size_t best_distance = most + 1;

	if (name.n > LONGEST)
		return NULL;
	for (size_t i = 0; i < FLAG_COUNT; i++) {
		struct span known = span_of(rows[i].name);
		size_t edits;

		if (rows[i].kind == FLAG_KIND_IGNORED || rows[i].kind == FLAG_KIND_LATER ||
			known.n > LONGEST)
			continue;
		edits = distance(name, known);
		if (edits < best_distance) {
			best = rows[i].name;
			best_distance = edits;
		}
	}
	return best;
}
