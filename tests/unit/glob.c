/* Globs: by examples, and against a matcher that tries everything. */
#include "unit.h"

#include <stdbool.h>

#include "dsp/core/base/glob.h"

static void examples(void **state)
{
	static const struct {
		const char *glob, *text;
		bool matches;
	} table[] = {
		{ "", "", true },
		{ "", "a", false },
		{ "*", "", true },
		{ "*", "anything", true },
		{ "a", "a", true },
		{ "a", "ab", false },
		{ "a*", "ab", true },
		{ "*b", "ab", true },
		{ "a*c", "abbc", true },
		{ "a*c", "abb", false },
		{ "*a*b*", "xxaxxbxx", true },
		{ "*ab", "aab", true },
		{ "*aab", "aaab", true },
		{ "a**b", "ab", true },
		{ "?", "a", false },
		{ "[a]", "a", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (glob_matches(span_of(table[i].glob), span_of(table[i].text)) !=
			table[i].matches)
			fail_msg("%s with %s", table[i].glob, table[i].text);
	}
}

/* An image of which only the repository is known: the glob may match it with some tag. */
static void some_tag(void **state)
{
	static const struct {
		const char *glob, *text;
		bool may;
	} table[] = {
		{ "r/x:1", "r/x", true },
		{ "r/x:*", "r/x", true },
		{ "r/x*", "r/x", true },
		{ "r/x*a*b", "r/x", true },
		{ "*", "r/x", true },
		{ "*:1", "r/x", true },
		{ "r/*:1", "r/x", true },
		{ "r/x", "r/x", false },
		{ "r/y:1", "r/x", false },
		{ "r/x:1/y", "r/x", false },
		{ "*/y:1", "r/x", false },
		{ "r/xy:*", "r/x", false },
		{ "", "r/x", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (glob_may_match(span_of(table[i].glob), span_of(table[i].text), ':', "/:@") !=
			table[i].may)
			fail_msg("%s with %s:...", table[i].glob, table[i].text);
	}
}

/* NOLINTNEXTLINE(misc-no-recursion): short texts. */
static bool simple(struct span glob, struct span text)
{
	if (glob.n == 0)
		return text.n == 0;
	if (glob.s[0] != '*')
		return text.n > 0 && glob.s[0] == text.s[0] &&
			simple(span_after(glob, 1), span_after(text, 1));
	return simple(span_after(glob, 1), text) ||
		(text.n > 0 && simple(glob, span_after(text, 1)));
}

static void at_random(void **state)
{
	(void)state;
	for (size_t i = 0; i < 20000; i++) {
		struct span glob = { NULL, die(8) };
		struct span text = { NULL, die(10) };

		glob.s = some_of("ab*", glob.n);
		text.s = some_of("ab*", text.n);
		assert_int_equal(glob_matches(glob, text), simple(glob, text));
		free((char *)(uintptr_t)glob.s);
		free((char *)(uintptr_t)text.s);
	}
}

/* Many stars take no more than glob times text. */
static void many_stars(void **state)
{
	char *glob = some_of("*a", 2000);
	char *text = some_of("a", 20000);

	(void)state;
	text[19999] = 'b';
	(void)glob_matches((struct span){ glob, 2000 }, (struct span){ text, 20000 });
	glob[1999] = 'c';
	assert_false(glob_matches((struct span){ glob, 2000 }, (struct span){ text, 20000 }));
	free(glob);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples),
		cmocka_unit_test(some_tag),
		cmocka_unit_test(at_random),
		cmocka_unit_test(many_stars),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
