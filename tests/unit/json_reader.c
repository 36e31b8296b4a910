/* JSON read value by value: what is accepted, how strings are decoded, where reading stops. */
#include "unit.h"

#include "dsp/core/base/json_reader.h"

static struct json_reader reader_of(char *text, size_t n)
{
	return (struct json_reader){ .at = text, .end = text + n };
}

static void strings_are_decoded(void **state)
{
	static const struct {
		struct span text, value;
	} rows[] = {
		{ SPAN_INIT("\"\""), SPAN_INIT("") },
		{ SPAN_INIT(" \t\r\n\"a b\""), SPAN_INIT("a b") },
		{ SPAN_INIT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), SPAN_INIT("\"\\/\b\f\n\r\t") },
		{ SPAN_INIT("\"\\u0041\\u00e9\\u20AC\""), SPAN_INIT("A\xc3\xa9\xe2\x82\xac") },
		{ SPAN_INIT("\"\\ud83d\\ude00\""), SPAN_INIT("\xf0\x9f\x98\x80") },
		{ SPAN_INIT("\"\xc3\xa9\\n\xc3\xa9\""), SPAN_INIT("\xc3\xa9\n\xc3\xa9") },
		{ SPAN_INIT("\"a\\u0000b\""), SPAN_INIT("a\0b") },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = exactly(rows[i].text.s, rows[i].text.n);
		struct json_reader r = reader_of(text, rows[i].text.n);
		struct span got;

		assert_true(json_reader_string(&r, &got));
		if (!span_equal(got, rows[i].value))
			fail_msg("%s: %.*s", rows[i].text.s, (int)got.n, got.s);
		assert_true(json_reader_at_end(&r));
		free(text);
	}
}

static void what_is_no_value(void **state)
{
	static const struct span rows[] = {
		SPAN_INIT(""),
		SPAN_INIT(" "),
		SPAN_INIT("\""),
		SPAN_INIT("\"a"),
		SPAN_INIT("\"\n\""),
		SPAN_INIT("\"\\"),
		SPAN_INIT("\"\\x41\""),
		SPAN_INIT("\"\\u004\""),
		SPAN_INIT("\"\\u00g0\""),
		SPAN_INIT("\"\\ud83d\""),
		SPAN_INIT("\"\\ude00\""),
		SPAN_INIT("\"\\ud83d\\u0041\""),
		SPAN_INIT("\"\xff\""),
		SPAN_INIT("\"\xed\xa0\x80\""),
		SPAN_INIT("-"),
		SPAN_INIT("+1"),
		SPAN_INIT(".5"),
		SPAN_INIT("1."),
		SPAN_INIT("1e"),
		SPAN_INIT("1e+"),
		SPAN_INIT("nul"),
		SPAN_INIT("True"),
		SPAN_INIT("[1 2]"),
		SPAN_INIT("[1,]"),
		SPAN_INIT("[,1]"),
		SPAN_INIT("{\"a\"}"),
		SPAN_INIT("{\"a\":}"),
		SPAN_INIT("{a:1}"),
		SPAN_INIT("{\"a\":1,}"),
		SPAN_INIT("{\"a\":1 \"b\":2}"),
		SPAN_INIT("{\"a\\u0000\":1}"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = exactly(rows[i].s, rows[i].n);
		struct json_reader r = reader_of(text, rows[i].n);

		if (json_reader_skip(&r))
			fail_msg("%s: it is read", rows[i].s);
		assert_true(r.at <= r.end);
		free(text);
	}
}

static void values_are_skipped_whole(void **state)
{
	static const struct span rows[] = {
		SPAN_INIT("null"),
		SPAN_INIT("true"),
		SPAN_INIT("false"),
		SPAN_INIT("0"),
		SPAN_INIT("-0.10e-5"),
		SPAN_INIT("12E9"),
		SPAN_INIT("\"]}\""),
		SPAN_INIT("[ ]"),
		SPAN_INIT("[1, [2, {\"a\" : [ ]}], \"\" ]"),
		SPAN_INIT("{ }"),
		SPAN_INIT("{\"a\":1,\"a\" : {\"b\":[null]}}"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = exactly(rows[i].s, rows[i].n);
		struct json_reader r = reader_of(text, rows[i].n);

		if (!json_reader_skip(&r) || !json_reader_at_end(&r))
			fail_msg("%s: it is not read whole", rows[i].s);
		free(text);
	}
}

static void depth_is_bounded(void **state)
{
	enum { MOST = 64 };

	(void)state;
	for (size_t depth = MOST - 1; depth <= MOST + 1; depth++) {
		char *text = exactly(NULL, 2 * depth);
		struct json_reader r = reader_of(text, 2 * depth);

		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		assert_int_equal(json_reader_skip(&r), depth <= MOST);
		free(text);
	}
}

static void members_come_in_turn(void **state)
{
	static const char source[] = " { \"a\" : 1, \"\\u0062\":[2], \"\": \"x\" } tail";
	static const char *const keys[] = { "a", "b", "" };
	char *text = exactly(source, strlen(source));
	struct json_reader r = reader_of(text, strlen(source));
	bool first = true;
	struct span key;
	size_t n = 0;
	int more;

	(void)state;
	while ((more = json_reader_member(&r, &first, &key)) > 0) {
		assert_true(n < 3 && span_equal(key, span_of(keys[n])));
		assert_true(json_reader_skip(&r));
		n++;
	}
	assert_int_equal(more, 0);
	assert_int_equal(n, 3);
	assert_int_equal(json_reader_peek(&r), 't');
	assert_false(json_reader_accept(&r, 'a'));
	assert_true(json_reader_accept(&r, 't'));
	assert_false(json_reader_at_end(&r));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_are_decoded),
		cmocka_unit_test(what_is_no_value),
		cmocka_unit_test(values_are_skipped_whole),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(members_come_in_turn),
	};

	return cmocka_run_group_tests_name("json_reader", tests, NULL, NULL);
}
