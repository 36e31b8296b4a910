/* The list of plugins in a daemon.json: what is added, and how it goes again. */
#include "unit.h"

#include <stdio.h>

#include "dockerd/daemon_json.h"

/* Old text, and the same with dsp in it; without dsp it is again's. */
static const struct {
	const char *old;
	const char *new;
	const char *again; /* NULL: old, byte for byte */
} good[] = {
	{ "", "{\n  \"authorization-plugins\": [\"dsp\"]\n}\n", "{}\n" },
	{ " \n", "{\n  \"authorization-plugins\": [\"dsp\"]\n}\n", "{}\n" },
	{ "{}", "{\n  \"authorization-plugins\": [\"dsp\"]\n}", NULL },
	{ "\tnull\n", "{\n  \"authorization-plugins\": [\"dsp\"]\n}\n", "{}\n" },
	{ "{ }\n", "{\n  \"authorization-plugins\": [\"dsp\"]\n}\n", "{}\n" },
	{ "{\"a\":1}", "{\"a\":1,\"authorization-plugins\": [\"dsp\"]}", NULL },
	{ "{\"a\" : 1.50, \"b\":1e3}",
		"{\"a\" : 1.50, \"b\":1e3,\"authorization-plugins\": [\"dsp\"]}", NULL },
	{ "{\n  \"a\": {\"b\": [1, {}]}\n}\n",
		"{\n  \"a\": {\"b\": [1, {}]},\n  \"authorization-plugins\": [\"dsp\"]\n}\n",
		NULL },
	{ "{\r\n\t\"a\": \"}]\\\"\\\\\",\r\n\t\"b\": null\r\n}",
		"{\r\n\t\"a\": \"}]\\\"\\\\\",\r\n\t\"b\": null,\r\n\t\"authorization-plugins\": [\"dsp\"]\r\n}",
		NULL },
	{ "{\"authorization-plugins\":[]}", "{\"authorization-plugins\":[\"dsp\"]}", "{}" },
	{ "{\"authorization-plugins\" : null, \"a\": 1}",
		"{\"authorization-plugins\" : [\"dsp\"], \"a\": 1}", "{\"a\": 1}" },
	{ "{\"authorization-plugins\": [\"x\"]}", "{\"authorization-plugins\": [\"x\", \"dsp\"]}",
		NULL },
	{ "{\"authorization-plugins\": [ \"x\", \"y\" ] , \"a\": []}",
		"{\"authorization-plugins\": [ \"x\", \"y\", \"dsp\" ] , \"a\": []}", NULL },
	{ "{\n \"authorization-plugins\": [\n  \"x\"\n ]\n}",
		"{\n \"authorization-plugins\": [\n  \"x\",\n  \"dsp\"\n ]\n}", NULL },
	/* A list of another object, and of another name, are none. */
	{ "{\"a\": {\"authorization-plugins\": [\"dsp\"]}}",
		"{\"a\": {\"authorization-plugins\": [\"dsp\"]},\"authorization-plugins\": [\"dsp\"]}",
		NULL },
	{ "{\"authorization-pluginsx\": 1}",
		"{\"authorization-pluginsx\": 1,\"authorization-plugins\": [\"dsp\"]}", NULL },
	{ "{\"authorization-plugins\": [\"dsp:latest\", \"xdsp\"]}",
		"{\"authorization-plugins\": [\"dsp:latest\", \"xdsp\", \"dsp\"]}", NULL },
	{ "{\"u\": \"\\u00e9/\\/\"}",
		"{\"u\": \"\\u00e9/\\/\",\"authorization-plugins\": [\"dsp\"]}", NULL },
};

static void adds_and_removes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const char *again = good[i].again ? good[i].again : good[i].old;
		char *old = exactly(good[i].old, strlen(good[i].old));
		struct span text = { old, strlen(good[i].old) };
		struct err e = { 0, "" };
		char *made = daemon_json_add(text, "dsp", &e);
		char *back;

		assert_string_equal(e.text, "");
		assert_string_equal(made, good[i].new);
		back = daemon_json_remove(span_of(made), "dsp", &e);
		assert_string_equal(back, again);
		assert_true(daemon_json_same(span_of(back), text));
		free(back);
		free(made);
		free(old);
	}
}

static const struct {
	const char *old;
	const char *new;
} taken_out[] = {
	{ "{\"authorization-plugins\": [\"dsp\", \"x\"]}", "{\"authorization-plugins\": [\"x\"]}" },
	{ "{\"authorization-plugins\": [\"x\", \"dsp\", \"y\"]}",
		"{\"authorization-plugins\": [\"x\", \"y\"]}" },
	{ "{\"authorization-plugins\": [\"dsp\", \"x\", \"dsp\"], \"a\": 1}",
		"{\"authorization-plugins\": [\"x\"], \"a\": 1}" },
	{ "{\"authorization-plugins\": [\"dsp\", \"dsp\"], \"a\": 1}", "{\"a\": 1}" },
	{ "{\"a\": 1, \"authorization-plugins\": [\"dsp\"], \"b\": 2}", "{\"a\": 1, \"b\": 2}" },
	{ "{\"a\": 1}", "{\"a\": 1}" },
};

static void removes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(taken_out) / sizeof(taken_out[0]); i++) {
		struct err e;
		char *made = daemon_json_remove(span_of(taken_out[i].old), "dsp", &e);

		assert_string_equal(made, taken_out[i].new);
		free(made);
	}
}

static const char *const bad[] = {
	"{\"a\": 1} // why",
	"// why\n{}",
	"/* why */ {}",
	"{\"a\": 1, \"a\": 2}",
	"{\"a\": {\"b\": 1, \"b\": 1}}",
	"\xef\xbb\xbf{}",
	"{} {}",
	"{}x",
	"[]",
	"1",
	"nulls",
	"{\"a\": 99999999999999999999}",
	"{\"a\": 1,}",
	"{\"a\": \"\\u0000\"}",
	"{\"a\": \"\xff\"}",
	"{\"Authorization-Plugins\": []}",
	"{\"authorization-plugins\": \"dsp\"}",
	"{\"authorization-plugins\": [1]}",
	"{\"authorization-plugins\": [null]}",
	"{\"authorization\\u002dplugins\": [\"x\"]}",
	"{",
};

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err e = { 0, "" };
		char *made = daemon_json_add(span_of(bad[i]), "dsp", &e);

		if (made)
			print_error("%s became %s\n", bad[i], made);
		assert_null(made);
		assert_string_not_equal(e.text, "");
	}
}

/* A zero byte, in and behind an object. */
static void zero_bytes(void **state)
{
	struct err e;

	(void)state;
	assert_null(daemon_json_add(SPAN("{\0}"), "dsp", &e));
	assert_null(daemon_json_add(SPAN("{}\0"), "dsp", &e));
	assert_null(daemon_json_add(SPAN("\0"), "dsp", &e));
	/* jansson overlooks it there. */
	assert_null(daemon_json_add(SPAN("{\"a\":1\0}"), "dsp", &e));
	assert_null(daemon_json_remove(
		SPAN("{\"authorization-plugins\":[\"dsp\"],\"a\":1\0}"), "dsp", &e));
}

static void reads(void **state)
{
	struct err e;
	json_t *list = daemon_json_plugins(SPAN("{\"authorization-plugins\": [\"x\", \"y\"]}"), &e);

	(void)state;
	assert_true(daemon_json_has(list, "y"));
	assert_false(daemon_json_has(list, "dsp"));
	json_decref(list);
	list = daemon_json_plugins(SPAN(""), &e);
	assert_int_equal(json_array_size(list), 0);
	json_decref(list);
	assert_null(daemon_json_plugins(SPAN("x"), &e));
	assert_true(daemon_json_is_empty(SPAN("\n")));
	assert_true(daemon_json_is_empty(SPAN("{\"authorization-plugins\": []}")));
	assert_false(daemon_json_is_empty(SPAN("{\"a\": null}")));
	assert_false(daemon_json_is_empty(SPAN("{")));
	assert_false(daemon_json_same(SPAN("{\"a\": 1, \"b\": 2}"), SPAN("{\"b\": 2, \"a\": 1}")));
}

/* Whatever it is, what is added goes again and leaves the meaning as it was. */
static void any_text(void **state)
{
	static const char *const pieces[] = { "{", "}", "[", "]", ",", ":", " ", "\n", "\"a\"", "1",
		"\"authorization-plugins\"", "\"dsp\"", "\"x\"", "null", "{\"b\":[", "\"\\\"\"" };
	size_t taken = 0;

	(void)state;
	for (size_t i = 0; i < 200000; i++) {
		char text[256] = "{";
		struct err e;
		char *made;
		char *back;

		for (size_t n = die(12); n > 0; n--)
			strncat(text, pieces[die(sizeof(pieces) / sizeof(pieces[0]))],
				sizeof(text) - strlen(text) - 1);
		if (die(2) == 0)
			strncat(text, "}", sizeof(text) - strlen(text) - 1);
		made = daemon_json_add(span_of(text), "new", &e);
		if (!made)
			continue;
		back = daemon_json_remove(span_of(made), "new", &e);
		assert_non_null(back);
		assert_true(daemon_json_same(span_of(text), span_of(back)));
		free(back);
		free(made);
		taken++;
	}
	assert_true(taken > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adds_and_removes),
		cmocka_unit_test(removes),
		cmocka_unit_test(refuses),
		cmocka_unit_test(zero_bytes),
		cmocka_unit_test(reads),
		cmocka_unit_test(any_text),
	};

	return cmocka_run_group_tests_name("daemon_json", tests, NULL, NULL);
}
