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
		{ "container_stop", ATTRIBUTE_CONTAINER, true, false },
		{ "container_prune", ATTRIBUTE_CONTAINER, true, true },
		{ "container_list", ATTRIBUTE_CONTAINER, true, false },
		{ "service_delete", ATTRIBUTE_CONTAINER, true, true },
		{ "image_list", ATTRIBUTE_CONTAINER, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct route *route = route_of(rows[i].operation);

		if (power_rules_have_kind(route, rows[i].kind) != rows[i].have ||
			power_rules_mean_any(route, rows[i].kind) != rows[i].any)
			fail_msg("%s: %s", rows[i].operation, attribute_kind_name(rows[i].kind));
	}
}

/* What a form that dsp is not shown may name: not the path's thing, nor what is meant anyway. */
static void hidden(void **state)
{
	static const struct {
		const char *operation;
		enum attribute_kind kind;
		enum power power;
		bool hidden;
	} rows[] = {
		{ "container_kill", ATTRIBUTE_CONTAINER, POWER_COUNT, false },
		{ "container_archive_put", ATTRIBUTE_CONTAINER, POWER_COUNT, false },
		{ "container_archive_put", ATTRIBUTE_PATH, POWER_COUNT, true },
		{ "container_commit", ATTRIBUTE_CONTAINER, POWER_COUNT, true },
		{ "container_commit", ATTRIBUTE_IMAGE, POWER_COUNT, true },
		{ "container_commit", ATTRIBUTE_NETWORK, POWER_COUNT, false },
		{ "container_start", ATTRIBUTE_MOUNT, POWER_HOST_MOUNTS, true },
		{ "checkpoint_delete", ATTRIBUTE_OPTION, POWER_CHECKPOINT, true },
		{ "image_build", ATTRIBUTE_CONTAINER, POWER_COUNT, true },
		{ "image_build", ATTRIBUTE_VOLUME, POWER_COUNT, false },
		{ "image_load", ATTRIBUTE_IMAGE, POWER_COUNT, false },
		{ "image_prune", ATTRIBUTE_IMAGE, POWER_COUNT, false },
		/* The tag stands in the query. */
		{ "image_push", ATTRIBUTE_IMAGE, POWER_COUNT, true },
		{ "image_pull", ATTRIBUTE_IMAGE, POWER_COUNT, true },
		{ "service_update", ATTRIBUTE_MOUNT, POWER_HOST_MOUNTS, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct route *route = route_of(rows[i].operation);

		if (power_rules_can_hide(route, rows[i].kind, rows[i].power) != rows[i].hidden)
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
		cmocka_unit_test(hidden),
		cmocka_unit_test(all_powers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
