/* Strings of JSON: which bytes stand for themselves, wherever in a text they are. */
#include "unit.h"

#include <jansson.h>
#include <stdio.h>

#include "dsp/core/base/json_writer.h"
#include "dsp/core/base/text.h"

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

/* Read by jansson, the string is the text, with U+FFFD for each byte that is not UTF-8. */
static void exact_strings_are_read_back(void **state)
{
	static const struct {
		const char *text;
		const char *means;
	} pieces[] = { { "a", "a" }, { "plain words", "plain words" }, { "\"", "\"" },
		{ "\\", "\\" }, { "\n", "\n" }, { "\x01", "\x01" }, { "\x1f", "\x1f" },
		{ "\x7f", "\x7f" }, { "/", "/" }, { "\xc3\xa9", "\xc3\xa9" },
		{ "\xe2\x80\xa8", "\xe2\x80\xa8" }, { "\xf0\x9f\x90\xb3", "\xf0\x9f\x90\xb3" },
		{ "\xff", "\xef\xbf\xbd" },
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" } };

	(void)state;
	for (size_t round = 0; round < 20000; round++) {
		char text[128];
		char means[128];
		char out[sizeof(text) * JSON_WRITER_EXACT_MOST + 2];
		struct line all;
		struct line meant;
		struct json_writer w = { .out = out };
		json_t *read;

		line_init(&all, text, sizeof(text));
		line_init(&meant, means, sizeof(means));
		for (size_t i = die(10); i > 0; i--) {
			size_t piece = die(sizeof(pieces) / sizeof(pieces[0]));

			line_add_cut(&all, span_of(pieces[piece].text));
			line_add_cut(&meant, span_of(pieces[piece].means));
		}
		w.cap = all.n * JSON_WRITER_EXACT_MOST + 2;
		json_writer_exact(&w, span_of(text));
		assert_false(w.full);
		read = json_loadb(out, w.n, JSON_DECODE_ANY, NULL);
		assert_non_null(read);
		assert_string_equal(json_string_value(read), means);
		json_decref(read);
		/* Less room than it needs, by a byte or more: nothing is added. */
		w = (struct json_writer){ .out = out, .cap = die(w.n) };
		json_writer_exact(&w, span_of(text));
		assert_true(w.full && w.n == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_byte_in_each_place),
		cmocka_unit_test(cut_where_it_is_full),
		cmocka_unit_test(exact_strings_are_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
