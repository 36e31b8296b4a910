/*
 * What an item of a "mounts" list covers and touches. dockerd resolves a source at every start of
 * the container, and dsp at its creation alone: whoever can write above a source can put a link
 * there in between, which leads anywhere. So a read-write item covers its path alone, which nobody
 * changes from inside of it, and a read-only one what is below only if its user writes nowhere
 * near.
 */
#ifndef DSP_MOUNT_RULES_H
#define DSP_MOUNT_RULES_H

#include "dsp/core/policy/rules.h"

enum { MOUNT_ITEMS_MOST = 4096 }; /* in all allow rules: of the same users each may concern each */

/* The number of mounts in all allow rules. */
size_t mount_rules_count(const struct rules *rules);

/*
 * Fills in paths, and beside and under of the mounts of all rules. beside: other rules that the
 * same subjects have; NULL: none. -1: no memory.
 */
MUST_USE int mount_rules_relate(struct rules *rules, const struct rules *beside);

/* Whether an allow rule's item covers a mount for subject. */
bool mount_rules_covers(const struct pattern *p, const struct attribute *d, size_t subject);

/*
 * Whether a deny rule's item is, holds, is held by, or may be the source of a mount: as either of
 * them is written, and as the host has it now.
 */
bool mount_rules_touches(
	const struct pattern *p, const struct attribute *d, const struct facts *facts);

/* Whether dsp knows the source of a mount: else each item of a deny rule may be it. */
bool mount_rules_knows(const struct attribute *d);

/*
 * The part of mount_rules_touches that compares with what the host has at a path of the rules, by
 * its place in rules->paths, and not with the path's text. dsp knows the source of mount d.
 */
bool mount_rules_touches_path(size_t path, const struct attribute *d, const struct facts *facts);

#endif
