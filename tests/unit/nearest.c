/* The nearest known word, for "did you mean": which words count as near. */
#include "unit.h"

#include "dsp/core/base/nearest.h"

static void assert_nearest(
	const char *name, size_t most, const char *const *known, const char *want)
{
	struct nearest n = nearest_to(span_of(name), most);

	for (; *known; known++)
		nearest_try(&n, span_of(*known));
	if (!span_equal(n.word, span_of(want)))
		fail_msg("%s: %.*s", name, (int)n.word.n, n.word.s);
}

static void the_nearest_word(void **state)
{
	static const char *const known[] = { "containers", "container", "images", "exec", NULL };
	static const struct {
		const char *name;
		size_t most;
		const char *want;
	} rows[] = {
		{ "containers", 0, "containers" },
		{ "contaienrs", 0, "containers" }, /* neighbours are swapped */
		{ "containerz", 0, "containers" },
		{ "containex", 0, "container" },
		{ "image", 0, "images" },
		{ "imgs", 0, "" }, /* of a short word one edit is near */
		{ "exek", 0, "exec" },
		{ "ex", 0, "" },
		{ "ex", 2, "exec" },
		{ "volumes", 0, "" },
		{ "", 0, "" },
	};
	char long_name[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_nearest(rows[i].name, rows[i].most, known, rows[i].want);
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_nearest(long_name, 60, known, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nearest_word),
	};

	return cmocka_run_group_tests_name("nearest", tests, NULL, NULL);
}
