#include "dsp/core/facts/powers.h"

#define ROW(id, nm, fl, rt, cg, cr, ch, cp, wh, es)                                                \
	[id] = { .name = (nm),                                                                     \
		.flag = (fl),                                                                      \
		.root = (rt),                                                                      \
		.closed_guard = (cg),                                                              \
		.closed_readonly = (cr),                                                           \
		.closed_hardened = (ch),                                                           \
		.closed_proxies = (cp),                                                            \
		.what = (wh),                                                                      \
		.escalation = (es) },

static const struct power_info rows[POWER_COUNT] = { POWERS_ROWS(ROW) };

const struct power_info *power_info(enum power p)
{
	return &rows[p];
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
