/* The lists that a rule can have, of things that requests name. */
#ifndef DSP_LIST_KIND_H
#define DSP_LIST_KIND_H

#include "dsp/core/facts/attributes.h"
#include "dsp/core/facts/powers.h"

enum list_kind {
	LIST_MOUNTS,
	LIST_IMAGES,
	LIST_CAPABILITIES,
	LIST_DEVICES,
	LIST_NETWORKS,
	LIST_VOLUMES,
	LIST_RUNTIMES,
	LIST_PORTS,
	LIST_CONTAINERS,
	LIST_COUNT,
};

/* "mounts", "images", ... */
const char *list_name(enum list_kind k);

/* The power that a list of this kind covers (POWER_COUNT: none), and the attributes it matches. */
enum power list_power(enum list_kind k);
enum attribute_kind list_attribute(enum list_kind k);

/* Whether a list of this kind speaks of an attribute. */
bool list_concerns(enum list_kind k, const struct attribute *d);

/*
 * Whether an item of a list of images, networks or volumes is an id, whole or as tools show it: the
 * thing has a name too, so that for a deny list any name may stand for it.
 */
bool list_item_is_id(enum list_kind k, struct span text);

#endif
