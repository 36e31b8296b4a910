/* Strings of JSON: which bytes stand for themselves, wherever in a text they are. */
#include "unit.h"

#include <stdio.h>

#include "dsp/core/base/json_writer.h"

enum { LENGTH = 20 };

/* As dsp-audit(5) has it, byte by byte. */
static size_t expected(const char *text, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < LENGTH; i++) {
		unsigned c = (unsigned char)text[i];

		if (c == '"')
			n += (size_t)snprintf(out + n, cap - n, "\\\"");
		else if (c == '\\')
			n += (size_t)snprintf(out + n, cap - n, "\\\\\\\\");
		else if (c >= 0x20 && c < 0x7f)
			out[n++] = text[i];
		else
			n += (size_t)snprintf(out + n, cap - n, "\\\\x%02x", c);
	}
	return n;
}

static void assert_written(const char *text)
{
	char out[256];
	char wanted[256] = "\"";
	struct json_writer s = { .out = out, .cap = sizeof(out) };
	size_t n = 1 + expected(text, wanted + 1, sizeof(wanted) - 2);

	wanted[n++] = '"';
	assert_true(json_writer_string(&s, (struct span){ text, LENGTH }, sizeof(out)));
	assert_int_equal(s.n, n);
	assert_memory_equal(out, wanted, n);
}

/* No two of these bytes make a character. */
static void each_byte_in_each_place(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		for (size_t at = 0; at < LENGTH; at++) {
			char text[LENGTH];

			memset(text, '~', sizeof(text));
			text[at] = (char)c;
			assert_written(text);
			/* Beside one from which a carry could come. */
			text[at > 0 ? at - 1 : 1] = '\x1f';
			assert_written(text);
			text[at > 0 ? at - 1 : 1] = ' ';
			assert_written(text);
		}
	}
}

static void cut_where_it_is_full(void **state)
{
	static const char text[] = "abcdefghijklmnop\\";

	(void)state;
	for (size_t most = 0; most < sizeof(text) + 3; most++) {
		char out[64];
		struct json_writer s = { .out = out, .cap = sizeof(out) };
		size_t n = most < 16 ? most : most < 20 ? 16 : 20;

		assert_int_equal(
			json_writer_string(&s, SPAN("abcdefghijklmnop\\"), most), most >= 20);
		assert_int_equal(s.n, n + 2);
		assert_memory_equal(out + 1, text, n < 16 ? n : 16);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_byte_in_each_place),
		cmocka_unit_test(cut_where_it_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
