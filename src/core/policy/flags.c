#include "dsp/core/policy/flags.h"

#define FLAG_ROW(nm, kd, p1, p2, ar, pd, wh)                                                       \
	{ .name = (nm),                                                                            \
		.kind = (kd),                                                                      \
		.powers = { (p1), (p2) },                                                          \
		.arg = (ar),                                                                       \
		.proxy_default = (pd),                                                             \
		.what = (wh) },
#define POWER_ROW(id, nm, fl, rt, cg, cr, ch, cb, cs, cp, wh, es)                                  \
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

size_t flag_find(struct span name)
{
	for (size_t i = 0; i < FLAG_COUNT; i++) {
		struct span known = span_of(rows[i].name);
		bool same = span_equal(name, known);

		if (span_ends(known, SPAN("*")))
			same = span_starts(name, (struct span){ known.s, known.n - 1 });
		if (same && rows[i].kind != FLAG_KIND_ZERO)
			return i;
	}
	return FLAG_COUNT;
}

struct nearest flag_nearest(struct span name, size_t most)
{
	struct nearest s = nearest_to(name, most);

	for (size_t i = 0; i < FLAG_COUNT; i++) {
		if (rows[i].kind != FLAG_KIND_IGNORED)
			nearest_try(&s, span_of(rows[i].name));
	}
	return s;
}
