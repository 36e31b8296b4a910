#include "dsp/core/facts/powers.h"

#include "dsp/core/base/nearest.h"
#include "dsp/core/base/text.h"

#define ROW(id, nm, fl, rt, cg, cr, ch, cb, cs, cp, wh, es)                                        \
	[id] = { .name = (nm),                                                                     \
		.flag = (fl),                                                                      \
		.root = (rt),                                                                      \
		.closed = { [PROFILE_GUARD] = (cg),                                                \
			[PROFILE_TECNATIVA] = (cp),                                                \
			[PROFILE_LINUXSERVER] = (cp),                                              \
			[PROFILE_READONLY] = (cr),                                                 \
			[PROFILE_HARDENED] = (ch),                                                 \
			[PROFILE_BASELINE] = (cb),                                                 \
			[PROFILE_RESTRICTED] = (cs) },                                             \
		.what = (wh),                                                                      \
		.escalation = (es) },

static const struct power_info rows[POWER_COUNT] = { POWERS_ROWS(ROW) };

const struct power_info *power_info(enum power p)
{
	return &rows[p];
}

enum power power_find(struct span name)
{
	size_t p = 0;

	while (p < POWER_COUNT && !span_equal(name, span_of(rows[p].name)))
		p++;
	return (enum power)p;
}

void powers_suggest(struct nearest *s)
{
	for (size_t p = 0; p < POWER_COUNT; p++)
		nearest_try(s, span_of(rows[p].name));
}

size_t powers_write(const struct powerset *set, const char *separator, struct line *l)
{
	size_t n = 0;

	for (size_t p = powerset_next(set, 0); p < POWER_COUNT; p = powerset_next(set, p + 1))
		line_add(l, "%s%s", n++ > 0 ? separator : "", rows[p].name);
	return n;
}

struct powerset powers_direct_to_root(void)
{
	struct powerset direct = { { 0 } };

	for (size_t p = 0; p < POWER_COUNT; p++) {
		if (rows[p].root == ROOT_DIRECT)
			powerset_add(&direct, (enum power)p);
	}
	return direct;
}

const char *root_name(enum root r)
{
	switch (r) {
	case ROOT_DIRECT:
		return "direct";
	case ROOT_THROUGH_OTHERS:
		return "through others";
	case ROOT_NO:
		break;
	}
	return "no";
}
