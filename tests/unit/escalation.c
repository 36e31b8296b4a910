/* Which powers a policy leaves open, and to whom that is worth root. */
#include "unit.h"

#include <stdio.h>

#include "dsp/core/facts/power_rules.h"
#include "dsp/core/policy/env_file.h"
#include "dsp/core/policy/escalation.h"

static void compile(const char *flags, struct policy *ret)
{
	static struct settings settings;
	struct findings f = { .file = "flags", .text = span_of(flags) };
	struct err e;

	settings_init(&settings);
	assert_int_equal(env_file_parse(&settings, &f, &e), 0);
	settings_finish(&settings);
	policy_compile(&settings, "/run/docker/plugins/dsp.sock", NULL, ret);
}

static size_t count_direct(const char *flags)
{
	static struct policy policy;
	struct subject anonymous = subject_at(NULL, SUBJECT_ANONYMOUS);
	struct escalation way;
	size_t n = 0;

	compile(flags, &policy);
	for (size_t i = 0; i < POWER_COUNT; i++)
		n += power_info((enum power)i)->root == ROOT_DIRECT &&
			escalation_find(&policy, &anonymous, (enum power)i, &way);
	return n;
}

static bool is_open(const char *flags, enum power p, enum operation operation)
{
	static struct policy policy;
	struct subject anonymous = subject_at(NULL, SUBJECT_ANONYMOUS);
	struct escalation way;

	compile(flags, &policy);
	return escalation_find(&policy, &anonymous, p, &way) &&
		(!way.route || way.route->operation == operation);
}

static void profiles(void **state)
{
	(void)state;
	assert_true(count_direct("") > 10);
	assert_int_equal(count_direct("DSP_PROFILE=hardened"), 0);
	assert_int_equal(count_direct("DSP_PROFILE=readonly"), 0);
	assert_int_equal(count_direct("DSP_PROFILE=tecnativa"), 0);
	assert_int_equal(count_direct("DSP_PROFILE=linuxserver"), 0);
	assert_true(count_direct("DSP_PROFILE=tecnativa\nCONTAINERS=1\nPOST=1") > 5);
}

static void buildkit(void **state)
{
	char text[400];

	(void)state;
	assert_true(escalation_buildkit_gives(POWER_TAG));
	assert_false(escalation_buildkit_gives(POWER_CREATE));
	escalation_buildkit_write(BUILDKIT_ASKED, "29.7.2", text, sizeof(text));
	assert_string_equal(text, "");
	escalation_buildkit_write(BUILDKIT_UNASKED, "29.7.2", text, sizeof(text));
	assert_non_null(strstr(text, "HTTP/2: dockerd 29.7.2 asks no plugin"));
	assert_non_null(strstr(text, "dsp enable --http1 --restart closes that"));
	escalation_buildkit_write(BUILDKIT_UNKNOWN, "", text, sizeof(text));
	assert_non_null(strstr(text, "dockerd 29.2 and later ask no plugin"));
}

/* Each direct power that hardened closes is open again with its flag, where that can be used. */
static void each_flag(void **state)
{
	char flags[128];

	(void)state;
	for (size_t i = 0; i < POWER_COUNT; i++) {
		const struct power_info *p = power_info((enum power)i);
		bool needs_mount = i == POWER_DOCKER_SOCKET || i == POWER_DSP_FILES;

		if (p->root != ROOT_DIRECT)
			continue;
		(void)snprintf(flags, sizeof(flags), "DSP_PROFILE=hardened\n%s=1", p->flag);
		assert_int_equal(count_direct(flags), needs_mount ? 0 : 1);
	}
	assert_int_equal(
		count_direct("DSP_PROFILE=hardened\nALLOW_HOST_MOUNTS=1\nALLOW_DOCKER_SOCKET=1"),
		2);
}

static void what_it_takes(void **state)
{
	(void)state;
	assert_true(is_open("", POWER_PRIVILEGED, OP_CONTAINER_CREATE));
	assert_false(
		is_open("ALLOW_CREATE=0\nALLOW_START=0", POWER_PRIVILEGED, OP_CONTAINER_CREATE));
	assert_true(is_open(
		"ALLOW_CREATE=0\nALLOW_EXEC=1", POWER_PRIVILEGED, OP_CONTAINER_EXEC_CREATE));
	assert_false(is_open("POST=0", POWER_PRIVILEGED, OP_CONTAINER_CREATE));
	assert_true(is_open("POST=0\nALLOW_CREATE=1\nALLOW_PRIVILEGED=1", POWER_PRIVILEGED,
		OP_CONTAINER_CREATE));
	assert_false(is_open("ALLOW_HOST_MOUNTS=0", POWER_DOCKER_SOCKET, OP_CONTAINER_CREATE));
	assert_true(is_open("ALLOW_PLUGIN_CONTROL=1", POWER_PLUGIN_CONTROL, OP_SERVICE_CREATE));
	assert_true(is_open("ALLOW_UNKNOWN=1", POWER_UNKNOWN, OP_SYSTEM_PING));
	assert_true(is_open("ALLOW_CREATE=0", POWER_HOST_MOUNTS, OP_VOLUME_CREATE));
}

static void reasons(void **state)
{
	static const struct {
		const char *flags;
		enum power power;
		const char *text;
	} table[] = {
		{ "ALLOW_EXEC=1", POWER_EXEC, "ALLOW_EXEC is 1" },
		{ "", POWER_PRIVILEGED, "profile guard leaves it open" },
	};
	static struct policy policy;
	struct decision d = { .verdict = VERDICT_ALLOW };
	struct rule rule = { .name = SPAN_INIT("my \"rule\"") };
	char text[96];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		compile(table[i].flags, &policy);
		escalation_reason(&policy, table[i].power, &d, text, sizeof(text));
		assert_string_equal(text, table[i].text);
	}
	d.rule = &rule;
	escalation_reason(&policy, POWER_EXEC, &d, text, sizeof(text));
	assert_string_equal(text, "rule \"my \\\"rule\\\"\" allows it");
}

/* What routes can ask for: powers one by one are those of the set, and so are attributes. */
static void possible(void **state)
{
	size_t count;
	const struct route *route = route_rows(&count);

	(void)state;
	for (; count > 0; count--, route++) {
		struct powerset all = escalation_possible_powers(route);

		for (size_t p = 0; p < POWER_COUNT; p++) {
			struct powerset least;
			bool can = escalation_can_ask(route, (enum power)p, &least);

			if (can && !powerset_has(&all, (enum power)p) && p != POWER_DOCKER_SOCKET)
				fail_msg("%s: %s", route->name, power_info((enum power)p)->name);
			if (can)
				assert_true(powerset_has(&least, (enum power)p));
		}
		if (route->operation == OP_CONTAINER_CREATE) {
			assert_true(power_rules_have_kind(route, ATTRIBUTE_MOUNT));
			assert_true(power_rules_have_kind(route, ATTRIBUTE_IMAGE));
		} else if (route->operation == OP_CONTAINER_LIST) {
			assert_false(power_rules_have_kind(route, ATTRIBUTE_MOUNT));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(profiles),
		cmocka_unit_test(buildkit),
		cmocka_unit_test(each_flag),
		cmocka_unit_test(what_it_takes),
		cmocka_unit_test(reasons),
		cmocka_unit_test(possible),
	};

	return cmocka_run_group_tests_name("way", tests, NULL, NULL);
}
