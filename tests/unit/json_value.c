/* JSON texts as trees: what is read, where each value stands in its text, and what is refused. */
#include "unit.h"

#include <errno.h>

#include "dsp/core/base/json_value.h"
#include "dsp/core/base/mem.h"

/* Reads a copy of text, which the caller frees with the tree. NULL when it is refused. */
static struct json_value *read_copy(struct span text, char **copy, size_t *where, struct err *why)
{
	struct json_value *top;

	*copy = exactly(text.s, text.n);
	if (json_value_parse(*copy, text.n, &top, where, why) == 0)
		return top;
	free(*copy);
	*copy = NULL;
	return NULL;
}

static void each_value_has_its_kind_and_its_text(void **state)
{
	static const struct {
		struct span text, source;
		enum json_value_kind kind;
		unsigned count, size;
	} rows[] = {
		{ SPAN_INIT("null"), SPAN_INIT("null"), JSON_VALUE_NULL, 0, 1 },
		{ SPAN_INIT(" true "), SPAN_INIT("true"), JSON_VALUE_TRUE, 0, 1 },
		{ SPAN_INIT("false\n"), SPAN_INIT("false"), JSON_VALUE_FALSE, 0, 1 },
		{ SPAN_INIT("-1.5e+3"), SPAN_INIT("-1.5e+3"), JSON_VALUE_NUMBER, 0, 1 },
		{ SPAN_INIT("\t0"), SPAN_INIT("0"), JSON_VALUE_NUMBER, 0, 1 },
		{ SPAN_INIT("\"a\\u0041\""), SPAN_INIT("\"a\\u0041\""), JSON_VALUE_STRING, 0, 1 },
		{ SPAN_INIT("[ ]"), SPAN_INIT("[ ]"), JSON_VALUE_LIST, 0, 1 },
		{ SPAN_INIT(" [1, [2,3]] "), SPAN_INIT("[1, [2,3]]"), JSON_VALUE_LIST, 2, 5 },
		{ SPAN_INIT("{}"), SPAN_INIT("{}"), JSON_VALUE_OBJECT, 0, 1 },
		{ SPAN_INIT("{\"a\":{\"b\":\"]}\"},\"a\":[]}\r\n"),
			SPAN_INIT("{\"a\":{\"b\":\"]}\"},\"a\":[]}"), JSON_VALUE_OBJECT, 2, 4 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span source;
		struct json_value *top;
		struct err why;
		size_t where;
		char *copy;

		top = read_copy(rows[i].text, &copy, &where, &why);
		if (!top) {
			fail_msg("%s: %s", rows[i].text.s, why.text);
			return;
		}
		assert_int_equal(top->kind, rows[i].kind);
		assert_int_equal(top->count, rows[i].count);
		assert_int_equal(top->size, rows[i].size);
		source = json_value_source(top, rows[i].text.s);
		if (!span_equal(source, rows[i].source))
			fail_msg("%s: %.*s", rows[i].text.s, (int)source.n, source.s);
		mem_free(top);
		free(copy);
	}
}

static void members_are_found_and_walked(void **state)
{
	static const char text[] =
		"{\"one\": 1, \"text\" : \"\\u00e9\\n\", \"none\":null, \"on\":true,\n"
		" \"list\": [ \"a\" , {\"b\": [2]}, 3 ]}";
	static const char *const elements[] = { "\"a\"", "{\"b\": [2]}", "3" };
	struct json_value *top;
	struct err why;
	json_ref list;
	size_t where;
	size_t n = 0;
	char *copy = NULL;

	(void)state;
	top = read_copy(SPAN(text), &copy, &where, &why);
	assert_non_null(top);
	assert_true(
		span_equal(json_value_text(json_value_member(top, "text")), SPAN("\xc3\xa9\n")));
	assert_true(span_equal(
		json_value_source(json_value_member(top, "text"), text), SPAN("\"\\u00e9\\n\"")));
	assert_int_equal(json_value_text(json_value_member(top, "one")).n, 0);
	assert_true(json_value_given(json_value_member(top, "one")));
	assert_false(json_value_given(json_value_member(top, "none")));
	assert_false(json_value_given(json_value_member(top, "absent")));
	assert_true(json_value_true(json_value_member(top, "on")));
	assert_false(json_value_true(json_value_member(top, "one")));
	assert_null(json_value_member(top, "ONE"));
	list = json_value_member(top, "list");
	for (json_ref e = json_value_first(list); e && n < 3; e = json_value_next(list, e), n++)
		assert_true(span_equal(json_value_source(e, text), span_of(elements[n])));
	assert_int_equal(n, 3);
	/* A string is a list of itself; what is absent has nothing in it. */
	assert_ptr_equal(
		json_value_first(json_value_member(top, "text")), json_value_member(top, "text"));
	assert_null(json_value_first(json_value_member(top, "one")));
	assert_null(json_value_first(NULL));
	assert_null(json_value_member(list, "b"));
	mem_free(top);
	free(copy);
}

static void what_is_refused_and_where(void **state)
{
	static const struct {
		struct span text;
		const char *why;
		size_t where;
	} rows[] = {
		{ SPAN_INIT(""), "is not JSON", 0 },
		{ SPAN_INIT("  "), "is not JSON", 2 },
		{ SPAN_INIT("[1,]"), "is not JSON", 3 },
		{ SPAN_INIT("{\"a\" 1}"), "is not JSON", 5 },
		{ SPAN_INIT("{\"a\":1,}"), "is not JSON", 7 },
		{ SPAN_INIT("[1"), "is not JSON", 2 },
		{ SPAN_INIT("01"), "goes on after its JSON value", 1 },
		{ SPAN_INIT("{} {}"), "goes on after its JSON value", 3 },
		{ SPAN_INIT("[\"\xff\"]"), "is not UTF-8", 2 },
		{ SPAN_INIT("\"\\u0000\""), "holds a NUL character", 8 },
		{ SPAN_INIT("\"\\ud800\""), "is not JSON", 7 },
		{ SPAN_INIT("'a'"), "is not JSON", 0 },
		{ SPAN_INIT("tru"), "is not JSON", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err why;
		size_t where;
		char *copy;

		if (read_copy(rows[i].text, &copy, &where, &why))
			fail_msg("%s: it is read", rows[i].text.s);
		assert_string_equal(why.text, rows[i].why);
		assert_int_equal(why.code, 0);
		if (where != rows[i].where)
			fail_msg("%s: at %zu", rows[i].text.s, where);
	}
}

static void assert_nested(size_t depth, bool fine)
{
	char *text = exactly(NULL, 2 * depth);
	struct json_value *top;
	struct err why;
	size_t where;

	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	if (json_value_parse(text, 2 * depth, &top, &where, &why) == 0) {
		assert_true(fine);
		assert_int_equal(top->size, depth);
		assert_int_equal(top->end, 2 * depth);
		mem_free(top);
	} else {
		assert_false(fine);
		assert_string_equal(why.text, "is nested too deep");
		assert_int_equal(where, 64);
	}
	free(text);
}

static void depth_and_number_are_bounded(void **state)
{
	enum { MOST = 1 << 18 };
	char *text = exactly(NULL, 2 * MOST + 1);
	struct json_value *top;
	struct err why;
	size_t where;

	(void)state;
	assert_nested(64, true);
	assert_nested(65, false);
	assert_nested(100000, false);
	/* As many values as are read, and one more. */
	memset(text, ',', 2 * MOST + 1);
	for (size_t i = 1; i < 2 * MOST; i += 2)
		text[i] = '1';
	text[0] = '[';
	text[2 * (MOST - 1)] = ']';
	assert_int_equal(json_value_parse(text, 2 * MOST - 1, &top, &where, &why), 0);
	assert_int_equal(top->count, MOST - 1);
	mem_free(top);
	text[2 * (MOST - 1)] = ',';
	text[2 * MOST] = ']';
	assert_int_equal(json_value_parse(text, 2 * MOST + 1, &top, &where, &why), -1);
	assert_string_equal(why.text, "holds too many values");
	/* Commas in a string are none of them. */
	memset(text, ',', 2 * MOST + 1);
	text[0] = text[2 * MOST] = '"';
	assert_int_equal(json_value_parse(text, 2 * MOST + 1, &top, &where, &why), 0);
	assert_int_equal(top->text.n, 2 * MOST - 1);
	mem_free(top);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_value_has_its_kind_and_its_text),
		cmocka_unit_test(members_are_found_and_walked),
		cmocka_unit_test(what_is_refused_and_where),
		cmocka_unit_test(depth_and_number_are_bounded),
	};

	return cmocka_run_group_tests_name("json_value", tests, NULL, NULL);
}
