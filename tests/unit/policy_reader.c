/* Checks of a JSON file: keys, kinds, lists of strings, and where a mistake is. */
#include "unit.h"

#include <stdio.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/policy/policy_reader.h"

/* A file while it is read. */
struct reading {
	struct policy_reader reader;
	struct findings findings;
	char *source;
	char *decoded;
	struct json_value *top;
};

static void open_file(struct reading *r, const char *text)
{
	struct err why;
	size_t where;

	*r = (struct reading){ .findings = { .file = "f" } };
	r->source = quoted(text);
	r->decoded = quoted(text);
	r->findings.text = span_of(r->source);
	r->reader = (struct policy_reader){ &r->findings, r->decoded };
	assert_int_equal(json_value_parse(r->decoded, strlen(text), &r->top, &where, &why), 0);
}

/* Compares what was found with "LINE:COLUMN: TEXT" lines. */
static void close_file(struct reading *r, const char *want)
{
	char got[1000];
	size_t n = 0;

	got[0] = '\0';
	for (size_t i = 0; i < r->findings.count; i++)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%zu:%zu: %s\n",
			r->findings.items[i].line, r->findings.items[i].column,
			r->findings.items[i].text);
	assert_string_equal(got, want);
	findings_free(&r->findings);
	mem_free(r->top);
	free(r->source);
	free(r->decoded);
}

static void keys(void **state)
{
	static const char *const names[] = { "alpha", "beta", NULL };
	struct reading r;

	(void)state;
	open_file(&r, "{'alpha': 1, 'beta': 2}");
	policy_reader_check_keys(&r.reader, r.top, names);
	close_file(&r, "");
	open_file(&r, "{'alhpa': 1,\n 'x\\n': 2, 'beta': 3, 'be\\u0074a': 4}");
	policy_reader_check_keys(&r.reader, r.top, names);
	close_file(&r,
		"1:2: \"alhpa\": no such key; did you mean \"alpha\"?\n"
		"2:2: \"x\\x0a\": no such key\n"
		"2:23: \"beta\" is there twice\n");
	open_file(&r, "{'any': 1, 'key': 2, 'any': 3}");
	policy_reader_check_keys(&r.reader, r.top, NULL);
	close_file(&r, "1:22: \"any\" is there twice\n");
}

static void kinds(void **state)
{
	struct reading r;

	(void)state;
	open_file(&r, "[1, 's', {}]");
	assert_true(policy_reader_expect(&r.reader, r.top, JSON_VALUE_LIST, "a list"));
	assert_false(policy_reader_expect(
		&r.reader, json_value_first(r.top), JSON_VALUE_STRING, "a word"));
	close_file(&r, "1:2: it should be a word\n");
}

static void strings(void **state)
{
	struct reading r;
	json_ref e = NULL;
	char got[8] = "";
	size_t n = 0;

	(void)state;
	open_file(&r, "['a', 1, 'b',\n null, 'c', []]");
	while ((e = policy_reader_next_string(&r.reader, r.top, e)) != NULL)
		got[n++] = e->text.s[0];
	assert_string_equal(got, "abc");
	close_file(&r,
		"1:7: it should be a string\n"
		"2:2: it should be a string\n"
		"2:13: it should be a string\n");
	open_file(&r, "'a'");
	assert_null(policy_reader_next_string(&r.reader, r.top, NULL));
	assert_null(policy_reader_next_string(&r.reader, NULL, NULL));
	close_file(&r, "1:1: it should be a list of strings\n");
}

static void near_words(void **state)
{
	struct nearest near = nearest_to(SPAN("exce"), 0);
	char out[16];

	(void)state;
	assert_string_equal(policy_reader_near(NULL, out, sizeof(out)), "");
	assert_string_equal(policy_reader_near(&near, out, sizeof(out)), "");
	nearest_try(&near, SPAN("exec"));
	/* It does not fit, and is not cut. */
	assert_string_equal(policy_reader_near(&near, out, sizeof(out)), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys),
		cmocka_unit_test(kinds),
		cmocka_unit_test(strings),
		cmocka_unit_test(near_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
