/* Tokens of users in the text of a policy file: what is added, and how it goes again. */
#include "unit.h"

#include <stdio.h>

#include "cli/policy_users.h"
#include "dsp/core/base/mem.h"

#define D "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define O "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define RULE                                                                                       \
	"\"rules\": [{\"name\": \"r\", \"who\": [\"ci\"], \"allow\": [\"*\"], \"powers\": "        \
	"[\"*\"]}], \"otherwise\": \"deny\""

/* Old text, and the same with the token; without it, it is again's (NULL: old, byte for byte). */
static const struct {
	const char *old;
	const char *new;
	const char *again;
} good[] = {
	{ "{}", "{\n  \"users\": {\n    \"ci\": { \"tokens\": [\"" D "\"] }\n  }\n}", NULL },
	{ "{\n  \"profile\": \"guard\"\n}\n",
		"{\n  \"profile\": \"guard\",\n  \"users\": {\n    \"ci\": { \"tokens\": [\"" D
		"\"] }\n  }\n}\n",
		NULL },
	{ "{\"users\": {}}", "{\"users\": {\n  \"ci\": { \"tokens\": [\"" D "\"] }\n}}", "{}" },
	{ "{\"users\": {\n\t\"al\": {\"tokens\": [\"" O "\"]}\n}}",
		"{\"users\": {\n\t\"al\": {\"tokens\": [\"" O "\"]},\n\t\"ci\": { \"tokens\": [\"" D
		"\"] }\n}}",
		NULL },
	{ "{\"users\": {\"ci\": {\"tokens\": [\"" O "\"]}}}",
		"{\"users\": {\"ci\": {\"tokens\": [\"" O "\", \"" D "\"]}}}", NULL },
	{ "{\"users\": {\"ci\": {\"common_names\": [\"ci\"]}}}",
		"{\"users\": {\"ci\": {\"common_names\": [\"ci\"],\"tokens\": [\"" D "\"]}}}",
		NULL },
	/* A rule names the user, who stays. */
	{ "{\"users\": {\"ci\": {\"tokens\": []}}, " RULE "}",
		"{\"users\": {\"ci\": {\"tokens\": [\"" D "\"]}}, " RULE "}", NULL },
};

static void adds_and_removes(void **state)
{
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		AUTO_MEM char *made = policy_users_add(span_of(good[i].old), "p", "ci", D, &e);
		AUTO_MEM char *back = made ? policy_users_remove(span_of(made), "p", D, &e) : NULL;

		if (!made || !back)
			fail_msg("%s: %s", good[i].old, e.text);
		assert_string_equal(made, good[i].new);
		assert_string_equal(back, good[i].again ? good[i].again : good[i].old);
	}
}

/* Nothing is made of a file with mistakes, or that is written in a form that cannot be edited. */
static void refuses(void **state)
{
	static const char *const bad[] = { "", "[]", "{\"users\": []}", "{\"a\": 1}",
		"{\"users\": {\"ci\": []}}", "{\"users\": {\"ci\": {\"tokens\": \"x\"}}}",
		"{\"\\u0075sers\": {\"\\u0063i\": {\"\\u0074okens\": [1]}}}", "{\"users\": {}} x",
		"{\"users\": {\"ci\": {\"tokens\": [1]}}}" };
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		AUTO_MEM char *made = policy_users_add(span_of(bad[i]), "p", "ci", D, &e);

		if (made)
			fail_msg("%s became %s", bad[i], made);
		assert_true(e.text[0] != '\0');
	}
}

/* Each user who has the token loses it. */
static void removes_all(void **state)
{
	static const char text[] = "{\"users\": {\"a\": {\"tokens\": [\"" D "\", \"" O
				   "\"]}, \"b\": {\"tokens\": [\"" D "\"]}}}";
	AUTO_MEM char *made = NULL;
	struct err e;

	(void)state;
	made = policy_users_remove(span_of(text), "p", D, &e);
	assert_non_null(made);
	assert_string_equal(made, "{\"users\": {\"a\": {\"tokens\": [\"" O "\"]}}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adds_and_removes),
		cmocka_unit_test(refuses),
		cmocka_unit_test(removes_all),
	};

	return cmocka_run_group_tests_name("policy_users", tests, NULL, NULL);
}
