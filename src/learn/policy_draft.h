/* A policy file under construction: its JSON, the policy that it compiles to, its lists' items. */
#ifndef DSP_POLICY_DRAFT_H
#define DSP_POLICY_DRAFT_H

#include "dsp/core/policy/policy_file.h"
#include "dsp/learn/observations.h"

struct policy_draft {
	json_t *root; /* the file; may be changed between two calls of policy_draft_compile */
	char *text;   /* root, as it was compiled */
	struct settings settings;
	struct findings findings;
	struct policy_file file;
	struct policy policy;
};

/* Takes over root. NULL: out of memory, and root is freed. Ends with policy_draft_free. */
struct policy_draft *policy_draft_new(json_t *root, enum profile profile);

void policy_draft_free(struct policy_draft *p);

/* Compiles root. -1 and e: it is no valid policy file. */
MUST_USE int policy_draft_compile(struct policy_draft *p, struct err *e);

/*
 * Whether the compiled policy allows s. *rule is then the place, from 0, of the rule that allows
 * it; SIZE_MAX: no rule decided.
 */
bool policy_draft_allows(const struct policy_draft *p, const struct observation *s, size_t *rule);

enum { PATTERN_ROOM = 512 };

/* Suggestions have all lists but containers: a rule without one may reach any container. */
enum { LISTS_SUGGESTED = LIST_CONTAINERS };
_Static_assert(LIST_CONTAINERS + 1 == LIST_COUNT, "containers are the last list");

/* Writes the item of a list that covers d and nothing else. False: there is no such item. */
bool list_pattern(enum list_kind k, const struct attribute *d, char out[PATTERN_ROOM]);

/* Why no policy file can name what was observed; NULL: it can. */
const char *observation_unnameable(const struct observation *s);

/* Whether a list of strings has this one. */
bool policy_draft_has(const json_t *list, struct span text);

/*
 * Makes read-only mounts read-write where their user may write above them: no read-only item covers
 * them there.
 */
void policy_draft_separate(struct policy_draft *p);

/*
 * Where a list has many images of a repository or of a place in a registry, or many read-only
 * mounts below a directory, adds one item for all of them, and notes that. The others are then not
 * needed.
 */
void policy_draft_widen(struct policy_draft *p, struct observations *all);

/* Every power that a request of a route can ask for, by its operation, query or body. */
struct powerset policy_draft_possible_powers(const struct route *route);

/*
 * Merges rules of one user where no operation of one can ask for a power that only the other
 * allows, and the lists are the same or say nothing of what one of them allows. Together they allow
 * what they allowed before, all of the observations too, and no more.
 */
void policy_draft_merge(struct policy_draft *p, const struct observations *all);

/*
 * Gives each rule that names containers a list of them: "name" (those of the log), or a word as
 * "own". What shows or means all containers goes to a rule without one. -1 and e: the word is none.
 */
MUST_USE int learn_containers(
	struct policy_draft *p, struct observations *all, const char *word, struct err *e);

/* Names each rule by its user and what it allows. */
void policy_draft_name(struct policy_draft *p);

#endif
