#include "dsp/core/policy/rules.h"

#include "dsp/core/base/mem.h"

const char *list_name(enum list_kind k)
{
	static const char *const names[LIST_COUNT] = { "mounts", "images", "capabilities",
		"devices", "networks", "runtimes", "ports" };

	return names[k];
}

/* What the items of a list cover, when all are covered; images cover none. */
static const enum power covers[LIST_COUNT] = { POWER_HOST_MOUNTS, POWER_COUNT, POWER_CAPABILITIES,
	POWER_DEVICES, POWER_NETWORK_CONNECT, POWER_RUNTIME, POWER_PUBLISH_PORTS };

static const enum attribute_kind kinds[LIST_COUNT] = { ATTRIBUTE_MOUNT, ATTRIBUTE_IMAGE,
	ATTRIBUTE_CAPABILITY, ATTRIBUTE_DEVICE, ATTRIBUTE_NETWORK, ATTRIBUTE_RUNTIME,
	ATTRIBUTE_PORT };

enum power list_power(enum list_kind k)
{
	return covers[k];
}

enum attribute_kind list_detail(enum list_kind k)
{
	return kinds[k];
}

void rules_free(struct rules *r)
{
	if (!r)
		return;
	mem_list_free(&r->memory);
	mem_free(r);
}
