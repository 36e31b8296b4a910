/* Findings: places, the first error as a line, order. */
#include "unit.h"

#include <errno.h>

#include "dsp/core/policy/findings.h"

static void places(void **state)
{
	static const char text[] = "ab\n\ncd\n";
	static const size_t lines[] = { 1, 1, 1, 2, 3, 3, 3, 4, 4, 4 };
	static const size_t columns[] = { 1, 2, 3, 1, 1, 2, 3, 1, 1, 1 };
	struct findings f = { .file = "f", .text = SPAN_INIT(text) };

	(void)state;
	for (size_t at = 0; at < sizeof(lines) / sizeof(lines[0]); at++)
		findings_error(&f, at, "x");
	/* A place before the last one is counted from the start. */
	findings_error(&f, 1, "x");
	for (size_t i = 0; i < f.count; i++) {
		size_t at = i < 10 ? i : 1;

		assert_int_equal(f.items[i].line, lines[at]);
		assert_int_equal(f.items[i].column, columns[at]);
	}
	findings_free(&f);
	assert_int_equal(f.count, 0);
}

static void first_error(void **state)
{
	struct findings f = { .file = "p.json", .text = SPAN_INIT("one\ntwo") };
	struct err e;

	(void)state;
	assert_false(findings_fatal(&f));
	findings_warning(&f, 0, "a warning of %d", 1);
	assert_false(findings_fatal(&f));
	findings_error(&f, 5, "an error of %s", "mine");
	assert_true(findings_fatal(&f));
	findings_first(&f, &e);
	assert_string_equal(e.text, "p.json:2:2: an error of mine");
	findings_error(&f, 0, "another");
	findings_warning(&f, 0, "another warning");
	findings_first(&f, &e);
	assert_string_equal(e.text, "p.json:2:2: an error of mine (and 1 more: run dsp check)");
	findings_sort(&f);
	findings_first(&f, &e);
	assert_string_equal(e.text, "p.json:1:1: another (and 1 more: run dsp check)");
	findings_free(&f);
}

static void no_memory(void **state)
{
	struct findings f = { .file = "p.json", .lost = true };
	struct err e;

	(void)state;
	assert_true(findings_fatal(&f));
	findings_first(&f, &e);
	assert_int_equal(e.code, ENOMEM);
	findings_sort(&f);
}

/* By line, column, text; also with more findings than there was room for at first. */
static void sorted(void **state)
{
	char *text = some_of("a\n", 300);
	struct findings f = { .file = "f", .text = { text, 300 } };

	(void)state;
	for (size_t i = 0; i < 500; i++)
		findings_warning(&f, die(310), "%c", (int)('a' + die(26)));
	assert_int_equal(f.count, 500);
	findings_sort(&f);
	for (size_t i = 1; i < f.count; i++) {
		const struct finding *a = &f.items[i - 1];
		const struct finding *b = &f.items[i];

		assert_true(a->line < b->line || (a->line == b->line && a->column < b->column) ||
			(a->line == b->line && a->column == b->column &&
				strcmp(a->text, b->text) <= 0));
	}
	findings_free(&f);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places),
		cmocka_unit_test(first_error),
		cmocka_unit_test(no_memory),
		cmocka_unit_test(sorted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
