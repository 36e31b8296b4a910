/*
 * Powers: what a request would gain. powers.tab has their names, flags and defaults in each
 * profile; routes.tab and power_rules.tab have which requests ask for them.
 */
#ifndef DSP_POWERS_H
#define DSP_POWERS_H

#include <stdbool.h>
#include <stdint.h>

#include "dsp/core/base/span.h"
#include "powers_tab.h"
#include "profiles_tab.h"

struct line;
struct nearest;

/* How a client with this power alone becomes root on the host. */
enum root { ROOT_DIRECT, ROOT_THROUGH_OTHERS, ROOT_NO };

struct power_info {
	const char *name; /* "host_mounts" */
	const char *flag; /* "ALLOW_HOST_MOUNTS" */
	enum root root;
	bool closed[PROFILE_COUNT]; /* when its flag is not set */
	const char *what;           /* clients can do with it, for dsp list */
	const char *escalation;     /* behind "clients can"; "-" where root is ROOT_NO */
};

/* The row of one power; p is less than POWER_COUNT. */
const struct power_info *power_info(enum power p);

/* The power of this name; POWER_COUNT: there is none. */
enum power power_find(struct span name);

/* Offers every power's name to s. */
void powers_suggest(struct nearest *s);

/* "direct", "through others", "no". */
const char *root_name(enum root r);

/* A set of powers. */
struct powerset {
	uint64_t word[(POWER_COUNT + 63) / 64];
};

static inline void powerset_add(struct powerset *set, enum power p)
{
	set->word[p / 64] |= (uint64_t)1 << (p % 64);
}

static inline bool powerset_has(const struct powerset *set, enum power p)
{
	return (set->word[p / 64] >> (p % 64)) & 1;
}

static inline bool powerset_empty(const struct powerset *set)
{
	return (set->word[0] | set->word[1]) == 0;
}

static inline size_t powerset_count(const struct powerset *set)
{
	return (size_t)__builtin_popcountll(set->word[0]) +
		(size_t)__builtin_popcountll(set->word[1]);
}

/* The first power of the set that is not before p; POWER_COUNT: there is none. */
static inline size_t powerset_next(const struct powerset *set, size_t p)
{
	uint64_t first = p < 64 ? set->word[0] >> p << p : 0;
	uint64_t second = p < 64 ? set->word[1] : set->word[1] >> (p - 64) << (p - 64);

	if (first != 0)
		return (size_t)__builtin_ctzll(first);
	return second != 0 ? 64 + (size_t)__builtin_ctzll(second) : POWER_COUNT;
}

static inline void powerset_add_all(struct powerset *set, const struct powerset *more)
{
	set->word[0] |= more->word[0];
	set->word[1] |= more->word[1];
}

static inline struct powerset powerset_both(const struct powerset *a, const struct powerset *b)
{
	return (struct powerset){ { a->word[0] & b->word[0], a->word[1] & b->word[1] } };
}

/*
 * Adds the names of a set to l, with separator between them: "stop, kill". Returns how many powers
 * the set holds, also those that l had no room for.
 */
size_t powers_write(const struct powerset *set, const char *separator, struct line *l);

/* The powers each of which alone makes a client root on the host. */
struct powerset powers_direct_to_root(void);

/* The powers of a that are not in b. */
static inline struct powerset powerset_less(const struct powerset *a, const struct powerset *b)
{
	return (struct powerset){ { a->word[0] & ~b->word[0], a->word[1] & ~b->word[1] } };
}

/* Whether every power of a is in b. */
static inline bool powerset_within(const struct powerset *a, const struct powerset *b)
{
	return (a->word[0] & ~b->word[0]) == 0 && (a->word[1] & ~b->word[1]) == 0;
}

#endif
