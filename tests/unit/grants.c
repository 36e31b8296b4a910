/* Grants: what can be one, what it stands before and behind, and that it ends at its end. */
#include "questions.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "daemon/grants.h"
#include "dsp/system/clock.h"

static uint64_t now_us = 1000000;

static uint64_t fake_clock(void)
{
	return now_us;
}

static const char users[] =
	"{'users': {'anna': {'common_names': ['anna']}, 'bob': {'common_names': ['bob']}},"
	" 'groups': {'ops': ['bob']},"
	" 'rules': [{'name': 'no kills', 'who': ['*'], 'deny': ['container_kill']},"
	"           {'name': 'data', 'who': ['anna'], 'allow': ['container_create'],"
	"            'powers': ['create'], 'mounts': ['/srv/data:ro']}],"
	" 'otherwise': 'deny'}";

static const char kill_rule[] =
	"{'who': ['anna'], 'allow': ['container_kill'], 'powers': ['kill']}";
static const struct question kill_web = { "POST", "/containers/web/kill", NULL, "anna", NULL };

/* Settings in force, and the grants of a dspd that has them. */
struct house {
	struct world world;
	struct config config;
	struct sinks sinks;
	struct grants *grants;
};

static void settle(struct house *h, const char *flags, const char *file)
{
	world_open(&h->world, flags, file);
	h->config.settings = h->world.settings;
	h->config.policy = h->world.policy;
	grants_configure(h->grants, &h->config);
}

static void begin(struct house *h, const char *flags, const char *file)
{
	*h = (struct house){ .grants = NULL };
	h->grants = grants_new(&h->sinks, fake_clock);
	assert_non_null(h->grants);
	settle(h, flags, file);
}

static void finish(struct house *h)
{
	grants_free(h->grants);
	world_close(&h->world);
}

static int give(struct house *h, const char *rule, uint64_t seconds, bool yes_root, struct err *e)
{
	char *text = quoted(rule);
	const struct grant_wish wish = {
		.rule = text, .seconds = seconds, .reason = "INC-1", .yes_root = yes_root
	};
	int rc = grants_give(h->grants, &wish, e);

	free(text);
	return rc;
}

static void must_give(struct house *h, const char *rule, uint64_t seconds)
{
	struct err e = { .text = "" };

	if (give(h, rule, seconds, true, &e) != 0)
		fail_msg("%s: %s", rule, e.text);
}

/* The decision about a request that came when set was in force. */
static struct decision decide_with(struct house *h, const struct question *q, struct grant_set *set)
{
	static struct answer a;
	struct grant_rules grants = grants_now(h->grants, set, false);

	world_read(&h->world, q, &a);
	a.decision = decide(&h->world.policy, &a.subject, &a.facts, &grants);
	answer_free(&a);
	return a.decision;
}

static enum verdict ask(struct house *h, const struct question *q)
{
	struct grant_set *set = grants_hold(h->grants);
	struct decision d = decide_with(h, q, set);

	assert_int_equal(d.by == DECIDED_BY_TEMPORARY, d.grant != NULL);
	assert_true(!d.grant || d.verdict == VERDICT_ALLOW);
	grant_set_release(set);
	return d.verdict;
}

/* --- its end -----------------------------------------------------------------------------------*/

static void ends_at_its_end(void **state)
{
	static struct house h;

	(void)state;
	begin(&h, "", users);
	for (int i = 0; i < 2000; i++) {
		uint64_t seconds = 1 + die(8 * 3600);
		uint64_t begun = now_us += die(2000000000);
		struct grant_set *set;

		must_give(&h, kill_rule, seconds);
		set = grants_hold(h.grants);
		now_us = begun + die(seconds * 1000000);
		assert_int_equal(ask(&h, &kill_web), VERDICT_ALLOW);
		now_us = begun + seconds * 1000000 - 1;
		assert_int_equal(ask(&h, &kill_web), VERDICT_ALLOW);
		now_us = begun + seconds * 1000000;
		assert_int_equal(ask(&h, &kill_web), VERDICT_DENY);
		/* A request that began while it was open is decided now. */
		assert_int_equal(decide_with(&h, &kill_web, set).verdict, VERDICT_DENY);
		grant_set_release(set);
		assert_int_equal(grants_tick(h.grants), 0);
		assert_null(grants_hold(h.grants));
	}
	finish(&h);
}

static void tick_comes_in_time(void **state)
{
	static struct house h;

	(void)state;
	begin(&h, "", users);
	assert_int_equal(grants_tick(h.grants), 0);
	must_give(&h, kill_rule, 5);
	must_give(&h, kill_rule, 2);
	assert_in_range(grants_tick(h.grants), 2000, 2001);
	now_us += 1999000;
	assert_in_range(grants_tick(h.grants), 1, 2);
	assert_int_equal(grants_count(h.grants), 2);
	now_us += 1000;
	assert_in_range(grants_tick(h.grants), 3000, 3001);
	assert_int_equal(grants_count(h.grants), 1);
	finish(&h);
}

static void clock_runs_from_the_start(void **state)
{
	struct timespec t;
	uint64_t boot = clock_boot_us();

	(void)state;
	assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &t), 0);
	assert_in_range(
		(uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000 - boot, 0, 1000000);
}

static void revoked(void **state)
{
	static struct house h;
	static const struct grant_by by = { .login_uid = -1 };
	struct grant_set *before;
	struct grant_set *with;
	char id[GRANT_ID_ROOM];

	(void)state;
	begin(&h, "", users);
	before = grants_hold(h.grants);
	assert_null(before);
	must_give(&h, kill_rule, 60);
	(void)snprintf(id, sizeof(id), "%s", grants_newest(h.grants));
	with = grants_hold(h.grants);
	assert_int_equal(decide_with(&h, &kill_web, with).verdict, VERDICT_ALLOW);
	/* A request keeps the grants that it began with. */
	assert_int_equal(decide_with(&h, &kill_web, before).verdict, VERDICT_DENY);
	assert_int_equal(grants_revoke(h.grants, "g", &by), 0);
	assert_int_equal(grants_revoke(h.grants, id, &by), 1);
	assert_int_equal(decide_with(&h, &kill_web, with).verdict, VERDICT_DENY);
	grant_set_release(with);
	must_give(&h, kill_rule, 60);
	must_give(&h, kill_rule, 60);
	assert_int_equal(grants_revoke(h.grants, NULL, &by), 2);
	assert_int_equal(ask(&h, &kill_web), VERDICT_DENY);
	finish(&h);
}

/* --- what it stands before and behind ----------------------------------------------------------*/

static void order(void **state)
{
	static const struct {
		struct question q;
		enum verdict verdict;
		enum decider by;
	} table[] = {
		/* before a deny rule, a closed power, otherwise */
		{ { "POST", "/containers/a/kill", NULL, "anna", NULL }, VERDICT_ALLOW,
			DECIDED_BY_TEMPORARY },
		{ { "POST", "/containers/a/kill", NULL, "bob", NULL }, VERDICT_DENY,
			DECIDED_BY_FILE },
		{ { "POST", "/containers/a/kill", NULL, NULL, NULL }, VERDICT_DENY,
			DECIDED_BY_FILE },
		{ { "POST", "/containers/a/kill", NULL, "eve", NULL }, VERDICT_DENY,
			DECIDED_BY_FILE },
		/* not what it does not name */
		{ { "DELETE", "/containers/a", NULL, "anna", NULL }, VERDICT_DENY,
			DECIDED_BY_DEFAULT },
		{ { "POST", "/containers/create", "{'HostConfig': {'Privileged': true}}", "anna",
			  NULL },
			VERDICT_DENY, DECIDED_BY_DEFAULT },
		/* behind what nothing overrides */
		{ { "POST", "/plugins/pull?remote=dsp&name=dsp", "[]", "anna", NULL }, VERDICT_DENY,
			DECIDED_BY_OWN_NAME },
		{ { "POST", "/plugins/pull?remote=x&name=x", "[]", "anna", NULL }, VERDICT_ALLOW,
			DECIDED_BY_TEMPORARY },
		{ { "POST", "/a/../containers/a/kill", NULL, "anna", NULL }, VERDICT_DENY,
			DECIDED_BY_READING },
		{ { "POST", "/containers/create", "{'HostConfig': 1", "anna", NULL }, VERDICT_DENY,
			DECIDED_BY_READING },
		{ { "POST", "/containers/a/kill", NULL, "anna", "no" }, VERDICT_DENY,
			DECIDED_BY_IDENTITY },
	};
	static struct house h;

	(void)state;
	begin(&h, "", users);
	must_give(&h,
		"{'who': ['anna'], 'allow': ['container_kill', 'container_create', 'plugin_pull'],"
		" 'powers': ['kill', 'create', 'plugin_control']}",
		60);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct grant_set *set = grants_hold(h.grants);
		struct decision d = decide_with(&h, &table[i].q, set);

		if (d.verdict != table[i].verdict || d.by != table[i].by)
			fail_msg("%s %s as %s: %s", table[i].q.method, table[i].q.target,
				table[i].q.user ? table[i].q.user : "nobody", decider_name(d.by));
		grant_set_release(set);
	}
	finish(&h);
}

/* In each profile, and in monitor mode, a grant allows what it names, and is no denial there. */
static void profiles_and_modes(void **state)
{
	static const char *const flags[] = { "", "DSP_PROFILE=readonly", "DSP_PROFILE=hardened",
		"DSP_PROFILE=tecnativa", "DSP_PROFILE=linuxserver", "ALLOW_KILL=0\nPOST=0",
		"DSP_MODE=monitor", "DSP_REQUIRE=memory=4g" };
	static const struct question anyone = { "POST", "/containers/a/kill", NULL, NULL, NULL };
	static struct house h;

	(void)state;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct grant_set *set;
		struct decision d;

		begin(&h, flags[i], NULL);
		d = decide_with(&h, &anyone, NULL);
		assert_true(d.verdict == VERDICT_DENY || d.monitored);
		must_give(
			&h, "{'who': ['*'], 'allow': ['container_kill'], 'powers': ['kill']}", 60);
		set = grants_hold(h.grants);
		d = decide_with(&h, &anyone, set);
		assert_int_equal(d.verdict, VERDICT_ALLOW);
		assert_int_equal(d.by, DECIDED_BY_TEMPORARY);
		assert_false(d.monitored);
		grant_set_release(set);
		finish(&h);
	}
}

static void broken_settings(void **state)
{
	static struct house h;
	struct err e;

	(void)state;
	begin(&h, "", users);
	must_give(&h, kill_rule, 60);
	policy_broken("no", &h.config.policy);
	h.world.policy = h.config.policy;
	assert_int_equal(ask(&h, &kill_web), VERDICT_DENY);
	assert_int_equal(give(&h, kill_rule, 60, false, &e), -1);
	assert_int_equal(e.code, EBUSY);
	finish(&h);
}

/* --- what can be a grant -----------------------------------------------------------------------*/

static void refused(void **state)
{
	static const struct {
		const char *rule;
		int code;
		const char *text;
	} table[] = {
		{ "{'who': ['ana'], 'allow': ['container_kill']}", 0, "did you mean \"anna\"" },
		{ "{'who': ['anna'], 'allow': ['container_kil']}", 0, "container_kill" },
		{ "{'who': ['anna'], 'deny': ['container_kill']}", 0, "a grant is an allow rule" },
		{ "{'allow': ['container_kill']}", 0, "no \"who\"" },
		{ "{'name': 'x', 'who': ['anna'], 'allow': ['container_kill']}", 0,
			"\"name\" is there twice" },
		{ "{'who': ['anna'], 'allow': ['*'], 'powers': ['*']}", 0, "name each power" },
		{ "{'who': ['anna'], 'allow': ['container_kill'], 'containers': ['own']}", 0,
			"no rule in force speaks of owners" },
		{ "{'who': ['anna'], 'allow': ['container_kill'], 'containers': ['name:web']}", 0,
			"cannot ask dockerd" },
		{ "{'who': ['anna'], 'allow': ['container_create'], 'require': {'pinned': '/etc/x'}}",
			0, "a list of images" },
		{ "{'who': ['anna'], 'allow': ['*'], 'mounts': ['/d/*']}", 0, "is a letter" },
		{ "no", 0, "a grant is a rule of" },
		{ "{'who': ['anna'], 'allow': ['*'], 'powers': ['kill']}", EPERM, "unknown" },
		{ "{'who': ['anna'], 'allow': ['unknown']}", EPERM, "unknown" },
		{ "{'who': ['anna'], 'allow': ['container_create'], 'powers': ['privileged']}",
			EPERM, "privileged" },
		{ "{'who': ['anna'], 'allow': ['plugin_*'], 'powers': ['plugin_control']}", EPERM,
			"plugin_control" },
		{ "{'who': ['anna'], 'allow': ['container_create'], 'mounts': ['/etc']}", EPERM,
			"/etc" },
		{ "{'who': ['anna'], 'allow': ['container_create'], 'mounts': ['/srv/**']}", EPERM,
			"/srv/**" },
		{ "{'who': ['anna'], 'allow': ['container_create'], 'mounts': ['/srv']}", EPERM,
			"a link outlives the grant" },
		{ "{'who': ['@ops'], 'allow': ['container_create'], 'mounts': ['/srv']}", -1, "" },
		{ "{'who': ['anna'], 'allow': ['container_create'],"
		  " 'capabilities': ['CAP_SYS_ADMIN']}",
			EPERM, "CAP_SYS_ADMIN" },
		{ "{'who': ['anna'], 'allow': ['container_create'], 'capabilities': ['CAP_NET_RAW']}",
			-1, "" },
	};
	static struct house h;

	(void)state;
	begin(&h, "DSP_RESOLVER=off", users);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct err e = { .code = -1, .text = "" };
		int rc = give(&h, table[i].rule, 60, false, &e);

		if (rc != (table[i].code < 0 ? 0 : -1) || e.code != table[i].code ||
			!strstr(e.text, table[i].text))
			fail_msg("%s: %d, %d: %s", table[i].rule, rc, e.code, e.text);
		if (table[i].code == EPERM)
			assert_int_equal(give(&h, table[i].rule, 60, true, &e), 0);
	}
	finish(&h);
}

static void bounds(void **state)
{
	static struct house h;
	struct err e;

	(void)state;
	begin(&h, "DSP_GRANT_MOST=1h", users);
	assert_int_equal(give(&h, kill_rule, 0, false, &e), -1);
	assert_int_equal(give(&h, kill_rule, 3601, false, &e), -1);
	assert_non_null(strstr(e.text, "at most 1h"));
	for (size_t i = 0; i < GRANTS_MOST; i++)
		must_give(&h, kill_rule, 3600);
	assert_int_equal(give(&h, kill_rule, 60, false, &e), -1);
	assert_int_equal(e.code, EBUSY);
	assert_int_equal(ask(&h, &kill_web), VERDICT_ALLOW);
	now_us += (uint64_t)3600 * 1000000;
	must_give(&h, kill_rule, 60);
	assert_int_equal(grants_count(h.grants), 1);
	world_close(&h.world);
	settle(&h, "DSP_GRANT_MOST=0", users);
	assert_int_equal(grants_count(h.grants), 0);
	assert_int_equal(give(&h, kill_rule, 60, false, &e), -1);
	finish(&h);
}

/* --- a reload ----------------------------------------------------------------------------------*/

static void kept_by_a_reload(void **state)
{
	/* The numbers of users change. */
	static const char more[] =
		"{'users': {'zoe': {'common_names': ['zoe']}, 'bob': {'common_names': ['bob']},"
		"           'anna': {'common_names': ['anna']}},"
		" 'rules': [{'name': 'no kills', 'who': ['*'], 'deny': ['container_kill']}]}";
	static const char without[] =
		"{'users': {'bob': {'common_names': ['bob']}},"
		" 'rules': [{'name': 'no kills', 'who': ['*'], 'deny': ['container_kill']}]}";
	static const struct question as_bob = { "POST", "/containers/a/kill", NULL, "bob", NULL };
	static struct house h;

	(void)state;
	begin(&h, "", users);
	must_give(&h, kill_rule, 7200);
	must_give(&h, "{'who': ['bob'], 'allow': ['container_kill'], 'powers': ['kill']}", 600);
	world_close(&h.world);
	settle(&h, "", more);
	assert_int_equal(grants_count(h.grants), 2);
	assert_int_equal(ask(&h, &kill_web), VERDICT_ALLOW);
	assert_int_equal(ask(&h, &as_bob), VERDICT_ALLOW);
	world_close(&h.world);
	settle(&h, "DSP_GRANT_MOST=1h", more);
	assert_int_equal(grants_count(h.grants), 1);
	assert_int_equal(ask(&h, &kill_web), VERDICT_DENY);
	world_close(&h.world);
	settle(&h, "", users);
	must_give(&h, kill_rule, 60);
	world_close(&h.world);
	settle(&h, "", without);
	assert_int_equal(grants_count(h.grants), 1);
	assert_int_equal(ask(&h, &kill_web), VERDICT_DENY);
	assert_int_equal(ask(&h, &as_bob), VERDICT_ALLOW);
	finish(&h);
}

/* --- any grants --------------------------------------------------------------------------------*/

/* A word of a list, or none, for a random grant. */
static const char *const who_words[] = { "'anna'", "'bob'", "'@ops'", "'anonymous'", "'*'" };
static const char *const allow_words[] = { "'container_kill'", "'container_*'", "'read'",
	"'section:images'", "'unknown'", "'container_create', 'exec_start'", "'plugin_*'" };
static const char *const power_words[] = { "", ", 'powers': ['kill']",
	", 'powers': ['create', 'privileged', 'host_mounts']",
	", 'powers': ['exec', 'unknown', 'plugin_control']" };
static const char *const list_words[] = { "", ", 'images': ['docker.io/library/a:*']",
	", 'mounts': ['/srv/data:ro']", ", 'capabilities': ['CAP_NET_RAW']",
	", 'require': {'memory': '1g'}" };

#define ANY(words) (words)[die(sizeof(words) / sizeof((words)[0]))]

static const struct question any_question[] = {
	{ "POST", "/containers/a/kill", NULL, "anna", NULL },
	{ "POST", "/containers/a/exec", "{}", "bob", NULL },
	{ "POST", "/exec/12/start", "{}", NULL, NULL },
	{ "GET", "/containers/json", NULL, "eve", NULL },
	{ "GET", "/images/json", NULL, "bob", NULL },
	{ "POST", "/containers/create", "{'Image': 'a'}", "anna", NULL },
	{ "POST", "/containers/create", "{'Image': 'b', 'HostConfig': {'Memory': 1000000}}", "bob",
		NULL },
	{ "POST", "/containers/create", "{'Image': 'a', 'HostConfig': {'Privileged': true}}", NULL,
		NULL },
	{ "POST", "/containers/create", "{'HostConfig': {'Binds': ['/srv/data:/d:ro']}}", "anna",
		NULL },
	{ "POST", "/containers/create", "{'HostConfig': {'CapAdd': ['NET_RAW']}}", "anna", NULL },
	{ "POST", "/containers/create", "{'HostConfig': 1", "anna", NULL },
	{ "POST", "/plugins/pull?remote=dsp&name=dsp", "[]", "anna", NULL },
	{ "POST", "/plugins/pull?remote=x&name=x", "[]", "bob", NULL },
	{ "POST", "/frobnicate", "{}", "anna", NULL },
	{ "GET", "/a/../b", NULL, NULL, NULL },
	{ "GET", "/info", NULL, "anna", "no" },
};

/* Grants take nothing away, and open nothing that stands behind what nothing overrides. */
static void only_add(void **state)
{
	static const char *const flags[] = { "", "DSP_PROFILE=readonly", "DSP_PROFILE=tecnativa",
		"DSP_PROFILE=hardened\nDSP_REQUIRE=memory=1g" };
	static struct house h;
	size_t opened = 0;

	(void)state;
	for (size_t round = 0; round < 400; round++) {
		struct grant_set *set;

		begin(&h, ANY(flags), die(2) ? users : NULL);
		for (size_t i = die(8); i > 0; i--) {
			char rule[300];
			struct err e;

			(void)snprintf(rule, sizeof(rule), "{'who': [%s], 'allow': [%s]%s%s}",
				ANY(who_words), ANY(allow_words), ANY(power_words),
				ANY(list_words));
			(void)give(&h, rule, 1 + die(100), true, &e);
			now_us += die(20000000);
		}
		set = grants_hold(h.grants);
		for (size_t i = 0; i < sizeof(any_question) / sizeof(any_question[0]); i++) {
			const struct question *q = &any_question[i];
			struct decision without = decide_with(&h, q, NULL);
			struct decision with = decide_with(&h, q, set);

			assert_true(
				without.verdict != VERDICT_ALLOW || with.verdict == VERDICT_ALLOW);
			if (with.by != DECIDED_BY_TEMPORARY) {
				assert_int_equal(with.verdict, without.verdict);
				assert_int_equal(with.by, without.by);
				continue;
			}
			opened += without.verdict != VERDICT_ALLOW;
			assert_int_equal(with.verdict, VERDICT_ALLOW);
			assert_true(without.by != DECIDED_BY_OWN_NAME &&
				without.by != DECIDED_BY_IDENTITY &&
				without.by != DECIDED_BY_READING);
		}
		grant_set_release(set);
		finish(&h);
	}
	assert_true(opened > 100);
}

/* --- mounts of a grant and of the policy file --------------------------------------------------*/

/* Where a rule lets its user write, a grant's read-only mount covers no more than its path. */
static void mounts_beside_rules(void **state)
{
	static const char writes[] =
		"{'users': {'anna': {'common_names': ['anna']}},"
		" 'rules': [{'name': 'w', 'who': ['anna'], 'allow': ['container_create'],"
		"            'mounts': ['/srv']}], 'otherwise': 'deny'}";
	static const char reads[] = "[{'name': 'g', 'who': ['anna'], 'allow': ['container_create'],"
				    " 'mounts': ['/srv/data:ro']}]";
	static struct house h;
	char *text = quoted(reads);
	struct rules *rules;
	struct err e;

	(void)state;
	begin(&h, "", writes);
	assert_int_equal(grant_rules_parse("it", span_of(text), h.world.file.rules, &rules, &e), 0);
	assert_true(rules->items[0].lists[LIST_MOUNTS].items[0].under != NULL);
	rules_free(rules);
	assert_int_equal(grant_rules_parse("it", SPAN("[{]"), NULL, &rules, &e), -1);
	assert_null(rules);
	free(text);
	finish(&h);
}

/*
 * A grant to write where another mount of the same user has its source is a way to root: a link put
 * there outlives the grant.
 */
static void mounts_that_can_be_swapped(void **state)
{
	static const char file[] =
		"{'users': {'anna': {'common_names': ['anna']}, 'bob': {'common_names': ['bob']}},"
		" 'rules': [{'name': 'w', 'who': ['anna'], 'allow': ['container_create'], 'mounts':"
		" ['/w/x', '/ro/a:ro']}], 'otherwise': 'deny'}";
	static const struct {
		const char *who, *mount;
		bool root;
	} table[] = {
		{ "anna", "/w", true },      /* /w/x may become a link */
		{ "anna", "/w/x/y", true },  /* likewise /w/x/y, by /w/x */
		{ "anna", "/w/x", false },   /* as without the grant */
		{ "anna", "/w:ro", false },  /* nothing can be put there */
		{ "anna", "/ro", true },     /* above what she only reads */
		{ "anna", "/ro/a/b", true }, /* below it */
		{ "bob", "/w", false },      /* it is anna's */
		{ "anonymous", "/w", true }, /* which anna is without her certificate */
	};
	static struct house h;
	char rule[256];
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		begin(&h, "", file);
		(void)snprintf(rule, sizeof(rule),
			"{'who': ['%s'], 'allow': ['container_create'], 'mounts': ['%s']}",
			table[i].who, table[i].mount);
		if ((give(&h, rule, 60, false, &e) != 0) != table[i].root)
			fail_msg("%s %s: %s", table[i].who, table[i].mount, e.text);
		/* And beside an open grant, which comes first. */
		if (table[i].root && give(&h, rule, 60, true, &e) != 0)
			fail_msg("%s %s: %s", table[i].who, table[i].mount, e.text);
		finish(&h);
	}
	begin(&h, "", file);
	assert_int_equal(
		give(&h, "{'who': ['bob'], 'allow': ['container_create'], 'mounts': ['/g/x']}", 60,
			false, &e),
		0);
	assert_int_equal(
		give(&h, "{'who': ['bob'], 'allow': ['container_create'], 'mounts': ['/g']}", 60,
			false, &e),
		-1);
	finish(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_at_its_end),
		cmocka_unit_test(tick_comes_in_time),
		cmocka_unit_test(clock_runs_from_the_start),
		cmocka_unit_test(revoked),
		cmocka_unit_test(order),
		cmocka_unit_test(profiles_and_modes),
		cmocka_unit_test(broken_settings),
		cmocka_unit_test(refused),
		cmocka_unit_test(bounds),
		cmocka_unit_test(kept_by_a_reload),
		cmocka_unit_test(only_add),
		cmocka_unit_test(mounts_beside_rules),
		cmocka_unit_test(mounts_that_can_be_swapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
