/* Mistakes in a policy of which each part is valid. */
#include "world.h"

#include "dsp/core/policy/policy_review.h"

#define USERS                                                                                      \
	"'users': {'anna': {'common_names': ['anna']},"                                            \
	" 'bob': {'tokens': ['sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08']}},"
#define FILE_OF(rules)                                                                             \
	"{" USERS "'groups': {'none': []}, 'otherwise': 'deny', 'rules': [" rules "]}"
#define RULE(name, who, more) "{'name': '" name "', 'who': ['" who "'], " more "}"

static const struct {
	const char *file;
	const char *text; /* of the only finding; NULL: none */
	bool warning;
} table[] = {
	{ FILE_OF(RULE("a", "*", "'allow': ['read']")), NULL, false },
	/* never reached */
	{ FILE_OF(RULE("a", "*", "'deny': ['*']") "," RULE("b", "anna", "'deny': ['image_*']")),
		"rule \"b\" never applies: rule \"a\" before it matches every such request",
		false },
	{ FILE_OF(RULE("a", "*", "'allow': ['image_*'], 'powers': ['*']") "," RULE(
		  "b", "anna", "'allow': ['image_*'], 'powers': ['image_pull']")),
		"rule \"b\" never applies: rule \"a\" before it matches every such request",
		false },
	{ FILE_OF(RULE("a", "*", "'deny': ['image_list']") "," RULE(
		  "b", "*", "'deny': ['image_history']") "," RULE("c", "*",
		  "'deny': ['image_list', 'image_history']")),
		"rule \"c\" never applies: rules before it match every such request: \"a\", \"b\"",
		false },
	{ FILE_OF(RULE("a", "anna", "'deny': ['*']") "," RULE("b", "*", "'deny': ['image_*']")),
		NULL, false },
	{ FILE_OF(RULE("a", "*", "'deny': ['*'], 'mode': 'monitor'") "," RULE(
		  "b", "*", "'deny': ['image_*']")),
		NULL, false },
	/* matches nothing */
	{ FILE_OF(RULE("a", "@none", "'deny': ['*']")),
		"the rule matches nothing: its groups have no members", true },
	{ FILE_OF(RULE("a", "*", "'deny': ['image_list'], 'powers': ['exec']")),
		"the rule matches nothing: none of its operations can ask for one of its powers",
		true },
	{ FILE_OF(RULE("a", "*", "'deny': ['image_list'], 'mounts': ['/']")),
		"the rule matches nothing: none of its operations has any mounts", true },
	{ FILE_OF(RULE("a", "*", "'allow': ['image_list'], 'ports': ['80']")),
		"its ports have no effect: none of its operations has any", true },
	{ FILE_OF(RULE("a", "*", "'allow': ['container_stop']")),
		"the rule matches nothing: container_stop asks for stop, which it does not cover",
		true },
	/* ways around */
	{ FILE_OF(RULE("a", "bob", "'deny': ['container_stop']") "," RULE(
		  "b", "*", "'allow': ['container_stop'], 'powers': ['stop']")),
		"bob can avoid this rule by sending no token: anonymous may container_stop; add "
		"\"anonymous\" to who",
		true },
	{ FILE_OF(RULE("a", "anna", "'deny': ['container_stop']") "," RULE(
		  "b", "*", "'allow': ['container_stop'], 'powers': ['stop']")),
		NULL, false },
	{ FILE_OF(RULE("a", "anna",
		  "'allow': ['container_create', 'image_tag'], 'powers': ['create', 'tag'], "
		  "'images': ['docker.io/library/*']")),
		"anna can give any image a name of this list by tag (rule \"a\" allows it)", true },
	{ FILE_OF(RULE("a", "anna",
		  "'allow': ['container_create', 'image_tag'], 'powers': ['create', 'tag'], "
		  "'images': ['*@sha256:*']")),
		NULL, false },
};

static void each_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		static struct world w;

		world_open(&w, "", table[i].file);
		policy_review(&w.policy, &w.findings);
		assert_false(w.findings.lost);
		if (w.findings.count != (table[i].text ? 1 : 0))
			fail_msg("%zu: %zu findings: %s", i, w.findings.count,
				w.findings.count > 0 ? w.findings.items[0].text : "");
		if (table[i].text) {
			assert_string_equal(w.findings.items[0].text, table[i].text);
			assert_int_equal(w.findings.items[0].warning, table[i].warning);
			assert_true(w.findings.items[0].column > 1);
		}
		world_close(&w);
	}
}

/* Checks that need a whole policy are left out when the file has a mistake. */
static void with_mistakes(void **state)
{
	static struct world w;

	(void)state;
	world_open(&w, "", FILE_OF(RULE("a", "@none", "'deny': ['*']")));
	findings_error(&w.findings, 0, "a mistake");
	policy_review(&w.policy, &w.findings);
	assert_int_equal(w.findings.count, 1);
	w.file.rules->items[0].flawed = true;
	policy_review(&w.policy, &w.findings);
	assert_int_equal(w.findings.count, 1);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(with_mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
