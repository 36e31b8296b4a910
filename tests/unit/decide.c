/* Which step decides, and how: each step, their order, monitor mode. */
#include "questions.h"

static const char rules[] =
	"{'users': {'anna': {'common_names': ['anna']}},"
	" 'rules': [{'name': 'watch', 'who': ['*'], 'deny': ['container_pause'],"
	"            'mode': 'monitor'},"
	"           {'name': 'too', 'who': ['*'], 'deny': ['*'], 'mode': 'monitor'},"
	"           {'name': 'no kills', 'who': ['*'], 'deny': ['container_kill']},"
	"           {'name': 'anna', 'who': ['anna'], 'allow': ['container_*'],"
	"            'powers': ['create', 'exec', 'pause']}],"
	" 'otherwise': 'deny'}";
static const char ordered[] =
	"{'rules': [{'name': 'own', 'who': ['*'], 'allow': ['container_create'],"
	"            'images': ['docker.io/library/own:*']},"
	"           {'name': 'no others', 'who': ['*'], 'deny': ['container_create']}],"
	" 'otherwise': 'deny'}";
static const char token[] =
	"{'users': {'bob': {'tokens': "
	"['sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08']}}}";

static const struct row {
	const char *flags;
	const char *file;
	struct question q;
	bool allow;
	enum decider by;
	const char *reason;
	const char *flag; /* NULL: none */
} table[] = {
	/* guard */
	{ "", NULL, { "GET", "/containers/json", NULL, NULL, NULL }, true, DECIDED_BY_PROFILE, "",
		NULL },
	{ "", NULL, { "POST", "/containers/a/exec", "{}", NULL, NULL }, false, DECIDED_BY_POWER,
		"exec", NULL },
	{ "ALLOW_EXEC=1", NULL, { "POST", "/containers/a/exec", "{}", NULL, NULL }, true,
		DECIDED_BY_GRANT, "", NULL },
	{ "ALLOW_STOP=0", NULL, { "POST", "/containers/a/stop", NULL, NULL, NULL }, false,
		DECIDED_BY_POWER, "stop", "ALLOW_STOP" },
	{ "POST=0", NULL, { "POST", "/containers/a/rename?name=b", NULL, NULL, NULL }, false,
		DECIDED_BY_POST, "POST", "POST" },
	{ "POST=0\nALLOW_RENAME=1", NULL,
		{ "POST", "/containers/a/rename?name=b", NULL, NULL, NULL }, true, DECIDED_BY_GRANT,
		"", NULL },
	{ "IMAGES=0", NULL, { "GET", "/images/json", NULL, NULL, NULL }, false, DECIDED_BY_SECTION,
		"IMAGES", "IMAGES" },
	{ "", NULL, { "GET", "/nowhere", NULL, NULL, NULL }, false, DECIDED_BY_POWER, "unknown",
		NULL },
	{ "", NULL, { "GET", "/a/../containers/json", NULL, NULL, NULL }, false, DECIDED_BY_READING,
		"unroutable", NULL },
	{ "", NULL, { "POST", "/containers/create", "{'HostConfig': 1", NULL, NULL }, false,
		DECIDED_BY_READING, "unreadable", NULL },
	{ "", NULL, { "POST", "/plugins/pull?remote=dsp&name=dsp", "[]", NULL, NULL }, false,
		DECIDED_BY_OWN_NAME, "plugin_control", NULL },
	/* readonly, hardened */
	{ "DSP_PROFILE=readonly", NULL, { "POST", "/containers/a/wait", NULL, NULL, NULL }, false,
		DECIDED_BY_READONLY, "readonly", NULL },
	{ "DSP_PROFILE=hardened", NULL,
		{ "POST", "/containers/create", "{'HostConfig': {'Privileged': true}}", NULL,
			NULL },
		false, DECIDED_BY_POWER, "privileged", NULL },
	/* proxies */
	{ "DSP_PROFILE=tecnativa", NULL, { "GET", "/containers/json", NULL, NULL, NULL }, false,
		DECIDED_BY_SECTION, "CONTAINERS", "CONTAINERS" },
	{ "DSP_PROFILE=tecnativa\nCONTAINERS=1", NULL,
		{ "GET", "/containers/json", NULL, NULL, NULL }, true, DECIDED_BY_SECTION, "",
		"CONTAINERS" },
	{ "DSP_PROFILE=tecnativa\nCONTAINERS=1", NULL,
		{ "POST", "/containers/a/pause", NULL, NULL, NULL }, false, DECIDED_BY_POST, "POST",
		"POST" },
	{ "DSP_PROFILE=tecnativa\nALLOW_STOP=1\nPOST=1", NULL,
		{ "POST", "/containers/a/stop", NULL, NULL, NULL }, true, DECIDED_BY_GRANT, "",
		"ALLOW_STOP" },
	{ "DSP_PROFILE=tecnativa", NULL, { "OPTIONS", "/anything", NULL, NULL, NULL }, true,
		DECIDED_BY_PROFILE, "", NULL },
	{ "DSP_PROFILE=linuxserver", NULL, { "GET", "/v1.43/nowhere", NULL, NULL, NULL }, false,
		DECIDED_BY_POWER, "unknown", NULL },
	/* the policy file */
	{ "", rules, { "POST", "/containers/a/kill", NULL, "anna", NULL }, false, DECIDED_BY_FILE,
		"rule", NULL },
	{ "", rules, { "POST", "/containers/a/exec", "{}", "anna", NULL }, true, DECIDED_BY_FILE,
		"", NULL },
	{ "", rules, { "POST", "/containers/a/exec", "{}", "bob", NULL }, false, DECIDED_BY_DEFAULT,
		"otherwise", NULL },
	{ "", rules, { "POST", "/containers/create", "{'HostConfig': 1", "anna", NULL }, false,
		DECIDED_BY_READING, "unreadable", NULL },
	/* The rule that may allow it stands first, and cannot be compared: no later one decides. */
	{ "", ordered, { "POST", "/containers/create", "{'HostConfig': 1", NULL, NULL }, false,
		DECIDED_BY_READING, "unreadable", NULL },
	{ "", ordered, { "POST", "/containers/create", "{}", NULL, NULL }, false, DECIDED_BY_FILE,
		"rule", NULL },
	{ "", token, { "GET", "/info", NULL, NULL, "no" }, false, DECIDED_BY_IDENTITY, "identity",
		NULL },
	{ "", token, { "GET", "/info", NULL, NULL, "test" }, true, DECIDED_BY_PROFILE, "", NULL },
	/* The first step that has an answer decides. */
	{ "", token, { "POST", "/plugins/pull?remote=dsp&name=dsp", "[]", NULL, "no" }, false,
		DECIDED_BY_OWN_NAME, "plugin_control", NULL },
	{ "", token, { "GET", "/a/../b", NULL, NULL, "no" }, false, DECIDED_BY_IDENTITY, "identity",
		NULL },
};

static void each_step(void **state)
{
	static struct world w;
	static struct answer a;

	(void)state;
	for (const struct row *r = table; r < table + sizeof(table) / sizeof(table[0]); r++) {
		const struct decision *d = &a.decision;

		world_open(&w, r->flags, r->file);
		world_ask(&w, &r->q, &a);
		if (d->by != r->by || (d->verdict == VERDICT_ALLOW) != r->allow ||
			strcmp(d->reason, r->reason) != 0)
			fail_msg("%s %s: %s, %s, \"%s\"", r->q.method, r->q.target,
				d->verdict == VERDICT_ALLOW ? "allow" : "deny", decider_name(d->by),
				d->reason);
		assert_string_equal(
			d->flag < FLAG_COUNT ? flag_at(d->flag)->name : "", r->flag ? r->flag : "");
		assert_true((d->rule != NULL) == (d->by == DECIDED_BY_FILE));
		assert_true(powerset_empty(&d->closed) == (d->by != DECIDED_BY_POWER));
		assert_false(d->monitored);
		answer_free(&a);
		world_close(&w);
	}
}

/* Whether a would-be denial is allowed in monitor mode. */
static bool is_monitored(const char *flags, const char *file, const struct question *q)
{
	static struct world w;
	static struct answer a;
	bool monitored;

	world_open(&w, flags, file);
	w.policy.monitor = true;
	world_ask(&w, q, &a);
	monitored = a.decision.monitored;
	assert_true(monitored == (a.decision.verdict == VERDICT_ALLOW));
	answer_free(&a);
	world_close(&w);
	return monitored;
}

static void monitor_mode(void **state)
{
	const struct question exec = { "POST", "/containers/a/exec", "{}", NULL, NULL };
	const struct question kill = { "POST", "/containers/a/kill", NULL, NULL, NULL };
	const struct question lost = { "GET", "/a/../b", NULL, NULL, NULL };
	const struct question own = { "POST", "/plugins/pull?remote=dsp&name=dsp", "[]", NULL,
		NULL };
	const struct question plugin = { "POST", "/plugins/a/disable", NULL, NULL, NULL };
	const struct question files = { "POST", "/containers/create",
		"{'HostConfig': {'Binds': ['/etc/docker:/a']}}", NULL, NULL };
	static struct policy broken;
	struct facts facts = { .reading = READING_EXACT };
	struct subject anonymous = subject_at(NULL, SUBJECT_ANONYMOUS);

	(void)state;
	assert_true(is_monitored("", NULL, &exec));
	assert_true(is_monitored("", rules, &kill));
	assert_true(is_monitored("", NULL, &lost));
	/* What would disable dsp stays denied. */
	assert_false(is_monitored("", NULL, &own));
	assert_false(is_monitored("", NULL, &plugin));
	assert_false(is_monitored("", NULL, &files));
	policy_broken("no such file", &broken);
	broken.monitor = true;
	assert_int_equal(decide(&broken, &anonymous, &facts, NULL).verdict, VERDICT_DENY);
	assert_int_equal(decide(&broken, &anonymous, &facts, NULL).by, DECIDED_BY_BROKEN);
	policy_broken("?", &broken);
	assert_int_equal(decide(&broken, &anonymous, &facts, NULL).by, DECIDED_BY_BROKEN);
}

/* The first monitoring rule is noted, and all of them are passed over. */
static void monitoring_rule(void **state)
{
	const struct question pause = { "POST", "/containers/a/pause", NULL, "anna", NULL };
	static struct world w;
	static struct answer a;

	(void)state;
	world_open(&w, "", rules);
	world_ask(&w, &pause, &a);
	assert_non_null(a.decision.monitored_rule);
	assert_true(span_equal(a.decision.monitored_rule->name, SPAN("watch")));
	assert_non_null(a.decision.rule);
	assert_int_equal(a.decision.verdict, VERDICT_ALLOW);
	answer_free(&a);
	world_close(&w);
}

/* A mount that dsp cannot see may be Docker's socket, but in guard. */
static void invisible_mount(void **state)
{
	const struct question q = { "POST", "/containers/create",
		"{'HostConfig': {'Binds': ['/srv:/a']}}", NULL, NULL };
	static struct world w;
	static struct answer a;
	struct powerset powers;

	(void)state;
	for (int hardened = 0; hardened < 2; hardened++) {
		world_open(&w, hardened ? "DSP_PROFILE=hardened" : "", NULL);
		w.policy.mounts_invisible = true;
		world_ask(&w, &q, &a);
		assert_true(a.facts.invisible_mount);
		powers = decide_powers(&w.policy, &a.facts);
		assert_int_equal(powerset_has(&powers, POWER_DOCKER_SOCKET), hardened);
		answer_free(&a);
		world_close(&w);
	}
}

/* A source that may be anything asks for what is closed; to a managed plugin, by a flag. */
static void unseen_mount(void **state)
{
	static const struct mount_info unseen = { .unknown = true };
	static const struct {
		const char *flags;
		bool managed, socket, dsp_files, allow;
	} rows[] = {
		{ "", false, false, true, false },
		{ "ALLOW_DSP_FILES=1", false, false, false, true },
		{ "ALLOW_DSP_FILES=1\nALLOW_DOCKER_SOCKET=0", false, true, false, false },
		{ "DSP_MODE=monitor", false, false, true, false },
		{ "DSP_MODE=monitor\nALLOW_DSP_FILES=1\nALLOW_DOCKER_SOCKET=0", false, true, false,
			true },
		{ "", true, false, false, true },
		{ "ALLOW_DSP_FILES=0", true, false, true, false },
		{ "ALLOW_DOCKER_SOCKET=0", true, true, false, false },
	};
	const struct question q = { "POST", "/containers/create",
		"{'HostConfig': {'Binds': ['/srv:/a']}}", NULL, NULL };
	static struct world w;
	static struct answer a;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct powerset powers;
		struct err e;

		world_open(&w, rows[i].flags, NULL);
		world_ask(&w, &q, &a);
		w.policy.mounts_invisible = rows[i].managed;
		for (size_t d = 0; d < a.facts.attributes.count; d++) {
			if (a.facts.attributes.items[d].kind == ATTRIBUTE_MOUNT)
				a.facts.attributes.items[d].mount_info = &unseen;
		}
		assert_int_equal(
			facts_add_mount_powers(&a.facts, SPAN("/run/docker/plugins"), &e), 0);
		powers = decide_powers(&w.policy, &a.facts);
		assert_int_equal(powerset_has(&powers, POWER_DOCKER_SOCKET), rows[i].socket);
		assert_int_equal(powerset_has(&powers, POWER_DSP_FILES), rows[i].dsp_files);
		a.decision = decide(&w.policy, &a.subject, &a.facts, NULL);
		assert_int_equal(a.decision.verdict == VERDICT_ALLOW, rows[i].allow);
		answer_free(&a);
		world_close(&w);
	}
}

static void names(void **state)
{
	(void)state;
	for (int by = DECIDED_BY_BROKEN; by <= DECIDED_BY_PROFILE; by++) {
		for (int other = DECIDED_BY_BROKEN; other < by; other++)
			assert_string_not_equal(
				decider_name((enum decider)by), decider_name((enum decider)other));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_step),
		cmocka_unit_test(monitor_mode),
		cmocka_unit_test(monitoring_rule),
		cmocka_unit_test(invisible_mount),
		cmocka_unit_test(unseen_mount),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
