/* A policy file in the making: JSON, what it compiles to, and the patterns of its lists. */
#ifndef DSP_POLICY_DRAFT_H
#define DSP_POLICY_DRAFT_H

#include "dsp/core/policy/policy_file.h"
#include "dsp/learn/observations.h"

struct plan {
	json_t *root; /* the file */
	char *text;   /* as it was compiled */
	struct settings settings;
	struct findings findings;
	struct policy_file file;
	struct policy policy;
	size_t denied; /* which of what was seen, when something was last tried without */
};

/* root becomes the plan's. */
void plan_init(struct plan *p, json_t *root, enum profile profile);

void plan_free(struct plan *p);

/* -1 and e: it is no policy. */
MUST_USE int plan_compile(struct plan *p, struct err *e);

/* Whether the compiled policy allows s, whose rule is then set. */
bool plan_allows(const struct plan *p, struct seen *s);

enum { PATTERN_ROOM = 512 };

/* Whether a list of that kind must cover a detail. */
bool list_speaks_of(enum list_kind k, const struct detail *d);

/* The item of a list that covers this detail and no other; false: there is none. */
bool pattern_of(enum list_kind k, const struct detail *d, char out[PATTERN_ROOM]);

/* Whether a power has an item in the details, as lists that cover it want. */
bool seen_has_item(const struct seen *s, enum power p);

/* Why no policy file can name what was seen; NULL: it can. */
const char *seen_unspeakable(const struct seen *s);

/* Puts one item in the place of many that are alike, and notes it. */
void plan_widen(struct plan *p, struct learned *all);

#endif
