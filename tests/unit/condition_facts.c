/* What a request says of conditions, in few words, and conditions compared with that. */
#include <stdio.h>

#include "questions.h"

#include "dsp/core/policy/condition_facts.h"

#define CREATE "/containers/create"
#define HOST(members) "{'Image': 'x:1', 'HostConfig': {" members "}}"

static const struct row {
	const char *target;
	const char *body;
	int64_t of[FACT_COUNT]; /* in the order of enum condition_fact */
} table[] = {
	{ CREATE, "{'Image': 'x'}", { 0, 0, 0, 0, 0, 0, 0, 0 } },
	{ CREATE, HOST("'Memory': 64, 'NanoCpus': 1500000000, 'PidsLimit': 7"),
		{ 64, 1500000000, 7, 0, 0, 0, 0, 1 } },
	{ CREATE, HOST("'Memory': 1, 'CpuQuota': 1, 'CpuPeriod': 3000"),
		{ 1, 333334, 0, 0, 0, 0, 0, 1 } },
	{ CREATE, HOST("'Memory': 576460752303423487, 'CpuQuota': 150000, 'PidsLimit': 1"),
		{ 576460752303423487, 1500000000, 1, 0, 0, 0, 0, 1 } },
	{ CREATE, HOST("'Memory': 576460752303423488, 'CpuQuota': 9223372036854775807"),
		{ 0, 0, 0, 0, 0, 0, 0, 1 } },
	{ CREATE, HOST("'Memory': -1, 'NanoCpus': 1, 'CpuQuota': 1, 'PidsLimit': -1"),
		{ 0, 0, 0, 0, 0, 0, 0, 1 } },
	{ CREATE,
		HOST("'ReadonlyRootfs': true, 'SecurityOpt': ['no-new-privileges'], 'CapDrop': 'all'"),
		{ 0, 0, 0, 0, 1, 1, 1, 1 } },
	{ CREATE, HOST("'CapDrop': ['ALL'], 'CapAdd': ['CHOWN']"), { 0, 0, 0, 0, 0, 0, 0, 1 } },
	{ CREATE, "{'Image': 'x', 'User': '7:0'}", { 0, 0, 0, 2, 0, 0, 0, 0 } },
	{ CREATE, "{'Image': 'x', 'User': 'app'}", { 0, 0, 0, 1, 0, 0, 0, 0 } },
	{ CREATE, "{'Image': 'x', 'User': '00'}", { 0, 0, 0, 1, 0, 0, 0, 0 } },
	{ "/containers/web/update", "{'Memory': 64}", { 64, -1, -1, -1, -1, -1, -1, -1 } },
	{ "/containers/web/update", "{'PidsLimit': -1}", { -1, -1, 0, -1, -1, -1, -1, -1 } },
	{ "/containers/web/exec", "{'Cmd': ['x'], 'User': '1'}",
		{ -1, -1, -1, 2, -1, -1, -1, -1 } },
	{ "/images/create?fromImage=a&tag=1", NULL, { -1, -1, -1, -1, -1, -1, -1, 1 } },
	{ "/v1.44/services/create",
		"{'TaskTemplate': {'ContainerSpec': {'Image': 'a', 'User': '1', 'ReadOnly': true}, "
		"'Resources': {'Limits': {'MemoryBytes': 9}}}}",
		{ 9, 0, 0, 2, 1, 0, 0, 0 } },
	{ "/containers/web/kill", NULL, { -1, -1, -1, -1, -1, -1, -1, -1 } },
	{ "/v1.23/containers/web/start", "{'Memory': 1}", { -1, -1, -1, -1, -1, -1, -1, -1 } },
};

static void of_a_request(void **state)
{
	static struct world w;

	(void)state;
	world_open(&w, "", NULL);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct question q = { "POST", table[i].target, table[i].body, NULL, NULL };
		static struct answer a;
		struct condition_facts got;

		world_ask(&w, &q, &a);
		(void)condition_facts_read(&a.facts, &got);
		for (size_t k = 0; k < FACT_COUNT; k++) {
			if (got.of[k] != table[i].of[k])
				print_error("%s %s: %s is %lld\n", table[i].target, table[i].body,
					condition_fact_name((enum condition_fact)k),
					(long long)got.of[k]);
			assert_int_equal(got.of[k], table[i].of[k]);
		}
		answer_free(&a);
	}
	world_close(&w);
}

/* What DSP_REQUIRE makes of a request, it makes of what is recorded of it. */
static void of_what_is_recorded(void **state)
{
	static const char *const require[] = { "memory=64m", "cpus=1.5", "pids=7", "user=non-root",
		"read_only", "no_new_privileges", "cap_drop=ALL", "pinned=tag", "pinned=digest" };

	(void)state;
	for (size_t r = 0; r < sizeof(require) / sizeof(require[0]); r++) {
		static struct world w;
		char settings[64];

		(void)snprintf(
			settings, sizeof(settings), "ALLOW_EXEC=1\nDSP_REQUIRE=%s", require[r]);
		world_open(&w, settings, NULL);
		for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
			const struct question q = { "POST", table[i].target, table[i].body, NULL,
				NULL };
			static struct answer a;
			struct condition_facts known;
			struct decision again;

			world_ask(&w, &q, &a);
			if (!condition_facts_read(&a.facts, &known)) {
				answer_free(&a);
				continue;
			}
			a.facts.recorded = &known;
			again = decide(&w.policy, &a.subject, &a.facts, NULL);
			assert_int_equal(again.verdict, a.decision.verdict);
			answer_free(&a);
		}
		world_close(&w);
	}
}

static void in_words(void **state)
{
	struct condition_facts got;
	struct err e;

	(void)state;
	assert_int_equal(condition_facts_parse(SPAN("memory=1g,user=1000,read_only"), &got, &e), 0);
	assert_int_equal(got.of[FACT_MEMORY], 1 << 30);
	assert_int_equal(got.of[FACT_USER], CONDITION_USER_UID);
	assert_int_equal(got.of[FACT_READ_ONLY], 1);
	assert_int_equal(got.of[FACT_PIDS], 0);
	assert_int_equal(
		condition_facts_parse(SPAN("user=root,cap_drop=ALL,pinned=tag"), &got, &e), 0);
	assert_int_equal(got.of[FACT_USER], CONDITION_USER_NAME);
	assert_int_equal(got.of[FACT_DROPS_ALL], 1);
	assert_int_equal(got.of[FACT_PINNED], CONDITION_PIN_TAG);
	assert_int_equal(condition_facts_parse(SPAN("memory"), &got, &e), -1);
	assert_int_equal(condition_facts_parse(SPAN("restart=no"), &got, &e), -1);
	assert_int_equal(condition_facts_parse(SPAN("x=1"), &got, &e), -1);
	assert_string_equal(condition_fact_word(FACT_USER, CONDITION_USER_UID), "uid");
	assert_null(condition_fact_word(FACT_MEMORY, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(of_a_request),
		cmocka_unit_test(of_what_is_recorded), cmocka_unit_test(in_words) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
