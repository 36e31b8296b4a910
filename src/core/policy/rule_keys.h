/*
 * Finds rules by what they list. A rule with a list of mounts, images, networks, volumes or
 * containers matches only a request that names something of that kind. Each item has a key, a text
 * with which whatever it matches begins: a path, or what stands before the first "*" of a glob, up
 * to a "/", "-" or the like. A request asks for the beginnings of the texts that it names, so that
 * the number of rules does not count.
 */
#ifndef DSP_RULE_KEYS_H
#define DSP_RULE_KEYS_H

#include "dsp/core/policy/rule_index.h"

struct rule_keys;

/*
 * Makes the keys of all rules, in their memory, which grows with the texts of the items. *ret is
 * NULL where no rule has any. -1: no memory.
 */
MUST_USE int rule_keys_make(struct rules *rules, struct rule_keys **ret);

/* Chooses the rules that may match by what facts name; keys is not NULL. */
void rule_keys_choose(
	const struct rule_keys *keys, const struct facts *facts, struct key_choice *ret);

#endif
