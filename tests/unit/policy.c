/* Settings to policy: names, what is closed and granted, and which flag did it. */
#include "unit.h"

#include <stdio.h>

#include "dsp/core/policy/env_file.h"
#include "dsp/core/policy/policy.h"

static void compile(const char *flags, const char *socket, struct policy *ret)
{
	static struct settings settings;
	struct findings f = { .file = "flags", .text = span_of(flags) };
	struct err e;

	settings_init(&settings);
	if (env_file_parse(&settings, &f, &e) != 0)
		fail_msg("%s", e.text);
	settings_finish(&settings);
	policy_compile(&settings, socket, NULL, ret);
}

/* Those that do not fit are left out, and no other with them. */
static void own_paths(void **state)
{
	static struct policy p;
	char path[sizeof(p.own_paths)] = "/";

	(void)state;
	compile("", "/run/dsp.sock", &p);
	policy_add_own_path(&p, SPAN("/srv//a/../b"));
	policy_add_own_path(&p, SPAN(""));
	memset(path + 1, 'x', sizeof(path) - 2);
	policy_add_own_path(&p, (struct span){ path, sizeof(path) - 1 });
	policy_add_own_path(&p, SPAN("/c"));
	assert_true(span_equal(policy_own_paths(&p), SPAN("/run\0/srv/b\0/c\0")));
}

static void names(void **state)
{
	static const struct {
		const char *flags, *socket, *names, *dir;
	} table[] = {
		{ "", "/run/docker/plugins/dsp.sock", "dsp", "/run/docker/plugins" },
		{ "", "/run/docker/plugins/a/b.sock", "b,dsp", "/run/docker/plugins/a" },
		{ "", "/run/x", "x,dsp", "/run" },
		{ "", "x.sock.sock", "x.sock,dsp", "" },
		{ "DSP_NAME=one,a/two:3", "/run/dsp.sock", "one,a/two:3,dsp", "/run" },
		{ "DSP_NAME=library/dsp:2,one", "/run/two.sock", "library/dsp:2,one,two", "/run" },
		{ "DSP_NAME=one,a/two:3", "/run/one.sock", "one,a/two:3,dsp", "/run" },
	};
	static struct policy p;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		compile(table[i].flags, table[i].socket, &p);
		assert_string_equal(p.names, table[i].names);
		assert_string_equal(p.own_paths, table[i].dir);
	}
	assert_true(policy_owns_name(&p, SPAN("one")));
	assert_true(policy_owns_name(&p, SPAN("a/two")));
	assert_false(policy_owns_name(&p, SPAN("two")));
	assert_false(policy_owns_name(&p, SPAN("")));
}

/* What becomes of a power: closed or granted or neither, and by which flag. */
static const struct row {
	const char *flags;
	enum power power;
	char state; /* c: closed, g: granted, o: open */
	const char *flag;
} table[] = {
	{ "", POWER_EXEC, 'c', "" },
	{ "", POWER_STOP, 'o', "" },
	{ "ALLOW_EXEC=1", POWER_EXEC, 'g', "ALLOW_EXEC" },
	{ "ALLOW_EXEC=0", POWER_EXEC, 'c', "ALLOW_EXEC" },
	{ "ALLOW_STOP=0", POWER_STOP, 'c', "ALLOW_STOP" },
	{ "ALLOW_RESTARTS=0", POWER_STOP, 'c', "ALLOW_RESTARTS" },
	{ "ALLOW_RESTARTS=1", POWER_STOP, 'g', "ALLOW_RESTARTS" },
	{ "ALLOW_RESTARTS=1\nALLOW_STOP=0", POWER_STOP, 'c', "ALLOW_STOP" },
	{ "DSP_PROFILE=hardened", POWER_PRIVILEGED, 'c', "" },
	{ "DSP_PROFILE=hardened\nALLOW_PRIVILEGED=1", POWER_PRIVILEGED, 'g', "ALLOW_PRIVILEGED" },
	{ "DSP_PROFILE=readonly", POWER_LOGS, 'c', "" },
	{ "DSP_PROFILE=tecnativa", POWER_STOP, 'o', "" },
	/* The proxy has a rule for this flag: 0 is the same as unset. */
	{ "DSP_PROFILE=tecnativa\nALLOW_STOP=0", POWER_STOP, 'o', "" },
	{ "DSP_PROFILE=tecnativa\nALLOW_STOP=1", POWER_STOP, 'o', "" },
	{ "DSP_PROFILE=tecnativa\nALLOW_PRIVILEGED=0", POWER_PRIVILEGED, 'c', "ALLOW_PRIVILEGED" },
	{ "DSP_PROFILE=linuxserver\nALLOW_UNKNOWN=1", POWER_UNKNOWN, 'o', "" },
};

static void powers(void **state)
{
	static struct policy p;

	(void)state;
	for (const struct row *r = table; r < table + sizeof(table) / sizeof(table[0]); r++) {
		size_t flag;
		char got = 'o';

		compile(r->flags, "/run/dsp.sock", &p);
		flag = p.decided_by_flag[r->power];
		if (powerset_has(&p.closed, r->power))
			got = 'c';
		else if (powerset_has(&p.granted, r->power))
			got = 'g';
		if (got != r->state)
			fail_msg("%s: %s is %c", r->flags, power_info(r->power)->name, got);
		assert_string_equal(flag < FLAG_COUNT ? flag_at(flag)->name : "", r->flag);
	}
}

/* No power is closed and granted; each power's own flag closes it, but where a proxy has a rule. */
static void every_power(void **state)
{
	static const char *const profiles[] = { "guard", "readonly", "hardened" };
	static struct policy p;
	char flags[128];
	struct powerset both;

	(void)state;
	for (size_t i = 0; i < 3 * POWER_COUNT * 2; i++) {
		enum power power = (enum power)(i % POWER_COUNT);
		bool on = i >= 3 * (size_t)POWER_COUNT;

		(void)snprintf(flags, sizeof(flags), "DSP_PROFILE=%s\n%s=%d",
			profiles[i / POWER_COUNT % 3], power_info(power)->flag, on);
		compile(flags, "/run/dsp.sock", &p);
		both = powerset_both(&p.closed, &p.granted);
		assert_true(powerset_empty(&both));
		assert_int_equal(powerset_has(&p.closed, power), !on);
		assert_int_equal(powerset_has(&p.granted, power), on);
	}
}

static void proxies(void **state)
{
	static struct policy p;

	(void)state;
	compile("", "/run/dsp.sock", &p);
	assert_false(policy_is_proxy(&p));
	assert_int_equal(p.proxy_rule_count, 0);
	compile("DSP_PROFILE=tecnativa", "/run/dsp.sock", &p);
	assert_true(policy_is_proxy(&p));
	assert_true(p.proxy_rule_count > 1 && p.proxy_rule_count <= PROXY_RULES_MOST);
	for (size_t i = 0; i < p.proxy_rule_count; i++) {
		assert_int_equal(p.proxy_rules[i]->profile, PROFILE_TECNATIVA);
		/* Only the last rule, for the sections, has no flag of its own. */
		assert_true((p.proxy_rule_flags[i] == FLAG_COUNT) ==
			(p.proxy_rules[i]->kind == PROXY_SECTIONS));
	}
	assert_int_equal(p.proxy_rules[p.proxy_rule_count - 1]->kind, PROXY_SECTIONS);
}

static void broken(void **state)
{
	static struct policy p;
	char text[1000];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	policy_broken(text, &p);
	assert_int_equal(strlen(p.broken), sizeof(p.broken) - 1);
	assert_false(p.monitor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(own_paths),
		cmocka_unit_test(powers),
		cmocka_unit_test(every_power),
		cmocka_unit_test(proxies),
		cmocka_unit_test(broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
