/* What the table of rules says of whole operations and bodies. */
#include "unit.h"

#include "dsp/core/facts/power_rules.h"
#include "dsp/core/facts/route.h"

static const struct route *route_of(const char *name)
{
	size_t count;
	const struct route *route = route_rows(&count);

	for (; count > 0; count--, route++) {
		if (strcmp(route->name, name) == 0)
			return route;
	}
	fail_msg("no operation %s", name);
	return NULL;
}

/* Whether a request can name a thing of a kind, and whether each may mean anything of it. */
static void kinds(void **state)
{
	static const struct {
		const char *operation;
		enum attribute_kind kind;
		bool have;
		bool any;
	} rows[] = {
		{ "image_prune", ATTRIBUTE_IMAGE, true, true },
		{ "image_prune", ATTRIBUTE_VOLUME, false, false },
		{ "volume_prune", ATTRIBUTE_VOLUME, true, true },
		{ "volume_prune", ATTRIBUTE_NETWORK, false, false },
		{ "grpc", ATTRIBUTE_NETWORK, true, true },
		{ "image_delete", ATTRIBUTE_IMAGE, true, false },
		{ "image_delete", ATTRIBUTE_NETWORK, false, false },
		{ "network_create", ATTRIBUTE_NETWORK, true, false },
		{ "network_create", ATTRIBUTE_IMAGE, false, false },
		{ "container_create", ATTRIBUTE_IMAGE, true, false },
		{ "container_create", ATTRIBUTE_DEVICE, true, false },
		{ "service_create", ATTRIBUTE_MOUNT, true, false },
		{ "container_stop", ATTRIBUTE_IMAGE, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct route *route = route_of(rows[i].operation);

		if (power_rules_have_kind(route, rows[i].kind) != rows[i].have ||
			power_rules_mean_any(route, rows[i].kind) != rows[i].any)
			fail_msg("%s: %s", rows[i].operation, attribute_kind_name(rows[i].kind));
	}
}

/* A body that dsp is not shown may give all of these. */
static void all_powers(void **state)
{
	struct powerset all = power_rules_all_powers(route_of("service_create")->schema);
	struct powerset volume = power_rules_all_powers(route_of("volume_create")->schema);
	struct powerset none = power_rules_all_powers(STRUCT_NONE);

	(void)state;
	assert_true(powerset_has(&all, POWER_HOST_MOUNTS));
	assert_true(powerset_has(&all, POWER_CAPABILITIES));
	/* They come with a mount. */
	assert_true(powerset_has(&all, POWER_DOCKER_SOCKET));
	assert_true(powerset_has(&volume, POWER_DEVICES));
	assert_false(powerset_has(&all, POWER_DSP_FILES));
	assert_false(powerset_has(&all, POWER_PLUGIN_CONTROL));
	assert_true(powerset_empty(&none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),
		cmocka_unit_test(all_powers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
