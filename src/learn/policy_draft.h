/* A policy file in the making: JSON, what it compiles to, and the patterns of its lists. */
#ifndef DSP_POLICY_DRAFT_H
#define DSP_POLICY_DRAFT_H

#include "dsp/core/policy/policy_file.h"
#include "dsp/learn/observations.h"

struct policy_draft {
	json_t *root; /* the file */
	char *text;   /* as it was compiled */
	struct settings settings;
	struct findings findings;
	struct policy_file file;
	struct policy policy;
	size_t denied; /* which of what was seen, when something was last tried without */
};

/* root becomes the plan's. */
void policy_draft_init(struct policy_draft *p, json_t *root, enum profile profile);

void policy_draft_free(struct policy_draft *p);

/* -1 and e: it is no policy. */
MUST_USE int policy_draft_compile(struct policy_draft *p, struct err *e);

/* Whether the compiled policy allows s, whose rule is then set. */
bool policy_draft_allows(const struct policy_draft *p, struct observation *s);

enum { PATTERN_ROOM = 512 };

/* Whether a list of that kind must cover a detail. */
bool list_concerns(enum list_kind k, const struct attribute *d);

/* The item of a list that covers this detail and no other; false: there is none. */
bool list_pattern(enum list_kind k, const struct attribute *d, char out[PATTERN_ROOM]);

/* Whether a power has an item in the details, as lists that cover it want. */
bool observation_has_item(const struct observation *s, enum power p);

/* Why no policy file can name what was seen; NULL: it can. */
const char *observation_unnameable(const struct observation *s);

/* Puts one item in the place of many that are alike, and notes it. */
void policy_draft_widen(struct policy_draft *p, struct observations *all);

#endif
