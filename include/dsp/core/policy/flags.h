/*
 * The flags and settings that dsp knows: the rows of flags.tab, then ALLOW_<POWER> for each row of
 * powers.tab.
 */
#ifndef DSP_FLAGS_H
#define DSP_FLAGS_H

#include <stdbool.h>
#include <stddef.h>

#include "dsp/core/base/nearest.h"
#include "dsp/core/base/span.h"
#include "dsp/core/facts/powers.h"
#include "flags_tab.h"

enum flag_kind {
	FLAG_KIND_SECTION,
	FLAG_KIND_WRITE,
	FLAG_KIND_GROUP,
	FLAG_KIND_ZERO,
	FLAG_KIND_SETTING,
	FLAG_KIND_IGNORED,
	FLAG_KIND_POWER,
};

struct flag {
	const char *name;
	enum flag_kind kind;
	enum power powers[2]; /* of a group, a zero row, a power; POWER_COUNT where there is none */
	const char *arg;      /* a section's name, a setting's default */
	bool proxy_default;   /* unset is 1 in tecnativa and linuxserver */
	const char *what;
};

#define FLAG_ONE(...) +1 /* NOLINT(bugprone-macro-parentheses): a term of a sum */
enum {
	FLAG_ROWS = 0 FLAGS_ROWS(FLAG_ONE),
	FLAG_COUNT = FLAG_ROWS + POWER_COUNT,
	FLAG_POST = SECTION_NONE, /* the rows of sections come first, in the order of the enum */
};

/* The row of one flag; i is less than FLAG_COUNT. */
const struct flag *flag_at(size_t i);

/* The flag of a power, of a section. */
static inline size_t flag_of_power(enum power p)
{
	return (size_t)FLAG_ROWS + p;
}

static inline size_t flag_of_section(enum section s)
{
	return s;
}

/*
 * The row of a flag, a setting or an ignored name ("LIBPOD_*" matches all of these); FLAG_COUNT:
 * there is none. Never a row of kind zero, whose name is that of a power's flag.
 */
size_t flag_find(struct span name);

/* The known name nearest to name; most: as for nearest_to. */
struct nearest flag_nearest(struct span name, size_t most);

#endif
