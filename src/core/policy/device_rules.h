/*
 * What an item of a "devices" list covers and touches. A device is a path of the host, which may be
 * a link, a directory of devices, or another node of the same number; a rule for the device cgroup;
 * a GPU ("gpu:0"), a CDI device ("vendor.com/class=name"), or a swarm's resource ("KIND=VALUE").
 */
#ifndef DSP_DEVICE_RULES_H
#define DSP_DEVICE_RULES_H

#include "dsp/core/policy/rules.h"

/* Whether an allow rule's item covers a device, or a mount of devices. */
bool device_rules_covers(const struct pattern *p, const struct attribute *d);

/* Whether a deny rule's item is, holds, is held by, or may be what a device or a mount gives. */
bool device_rules_touches(
	const struct pattern *p, const struct attribute *d, const struct facts *facts);

/* Whether the item is one path, so that the host can be asked what is there. */
bool device_rules_is_path(const struct pattern *p);

#endif
