/*
 * Words of lists that compare what a container, network or volume is (its name, labels, image and
 * owner), however a request spells it.
 */
#ifndef DSP_OBJECT_RULES_H
#define DSP_OBJECT_RULES_H

#include "dsp/core/base/text.h"
#include "dsp/core/policy/rules.h"

enum object_word {
	OBJECT_NAME,  /* name:GLOB */
	OBJECT_LABEL, /* label:KEY, label:KEY=VALUE */
	OBJECT_IMAGE, /* image:GLOB */
	OBJECT_OWN,   /* own, own:USER, own:@GROUP */
};

#define OBJECT_OWNER_CLIENT SIZE_MAX /* the client, whoever that is */
#define OBJECT_OWNER_GROUP (SIZE_MAX - 1)

/* A word, and where it stands. It lives as long as the rules. */
struct object_item {
	enum object_word word;
	struct span text; /* the glob, the label's key, the group as "@red" */
	bool valued;      /* of a label: it must have this value */
	struct span value;
	size_t owner; /* of own: a subject, or one of those above */
	const struct rule_group *group;
	const struct rules *rules;
	const struct rule *rule;
};

/*
 * Whether a word of an allow rule covers a thing for subject. d is of the word's kind; dockerd, or
 * the request that makes it, says what it is. False where that is not known.
 */
bool object_rules_covers(const struct object_item *o, const struct attribute *d, size_t subject);

/* Whether the thing is, or may be, one that a word of a deny rule means. */
bool object_rules_touches(const struct object_item *o, const struct attribute *d, size_t subject);

/*
 * Adds what a thing is that the words of an allow rule's list do not cover: " (web, owned by bob)",
 * " (dsp does not know what it is)". Nothing where the words are plain names. list may be NULL.
 */
void object_rules_write(const struct list *list, const struct attribute *d, struct line *l);

#endif
