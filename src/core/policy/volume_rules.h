/* What deny makes of volumes: a mount may hold one, and one may be made of any path of the host. */
#ifndef DSP_VOLUME_RULES_H
#define DSP_VOLUME_RULES_H

#include "dsp/core/policy/rules.h"

/*
 * Whether deny has a list look at an attribute of another kind: a mount may hold a volume, a volume
 * may be made of any path, and the container whose volumes are taken may have any mount.
 */
bool volume_rules_may_hold(enum list_kind k, const struct attribute *d);

/* A mount of the host's files where Docker keeps the listed volume, or all of them. */
bool volume_rules_holds(
	const struct pattern *p, const struct attribute *d, const struct facts *facts);

/*
 * Whether any path of the host may be mounted: by another container's volumes, and by a volume that
 * was made with options. Only where dsp sees that dockerd keeps none of it does it have none.
 */
bool volume_rules_mounts_any(const struct attribute *d);

/*
 * Whether a name may be the start of an id of the swarm's: dockerd takes a name first, but dsp does
 * not know which there are. Only where dsp sees that dockerd has no state of a swarm is it none.
 */
bool volume_rules_may_be_of_swarm(const struct attribute *d, const struct facts *facts);

#endif
