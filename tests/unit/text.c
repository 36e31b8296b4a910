/* Strangers' bytes as printable text, lines of fixed size, and UTF-8. */
#include "unit.h"

#include <stdio.h>

#include "dsp/core/base/text.h"

/* One byte as it must be shown; the length. */
static size_t shown(unsigned char c, char out[8])
{
	if (c == '"' || c == '\\')
		return (size_t)snprintf(out, 8, "\\%c", c);
	if (c < 0x20 || c > 0x7e)
		return (size_t)snprintf(out, 8, "\\x%02x", c);
	return (size_t)snprintf(out, 8, "%c", c);
}

static void every_byte(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		char byte = (char)c;
		char want[8];
		char out[8];
		size_t n = shown((unsigned char)c, want);

		text_escape((struct span){ &byte, 1 }, out, sizeof(out));
		assert_int_equal(strlen(out), n);
		assert_string_equal(out, want);
	}
}

/* What fits stays whole; what does not ends with dots, behind as many whole bytes as fit. */
static void check_cut(struct span in, size_t cap)
{
	char full[4 * 64 + 1] = "";
	size_t ends[65];
	size_t n = 0;
	size_t kept = 0;
	char *out = exactly(NULL, cap);

	for (size_t i = 0; i < in.n; i++) {
		n += shown((unsigned char)in.s[i], full + n);
		ends[i] = n;
	}
	text_escape(in, out, cap);
	if (n + 1 <= cap) {
		assert_string_equal(out, full);
	} else {
		for (size_t i = 0; i < in.n && ends[i] + 4 <= cap; i++)
			kept = ends[i];
		assert_memory_equal(out, full, kept);
		assert_string_equal(out + kept, "...");
	}
	free(out);
}

static void cuts_at_every_size(void **state)
{
	(void)state;
	for (size_t cap = 8; cap <= 48; cap++) {
		for (size_t n = 0; n <= 50; n++) {
			char *in = some_of("aaaa\"\\\x01\xff ", n);

			check_cut((struct span){ in, n }, cap);
			free(in);
		}
	}
}

static void a_line_takes_all_or_nothing(void **state)
{
	char text[11];
	struct line l;

	(void)state;
	line_init(&l, text, sizeof(text));
	assert_string_equal(text, "");
	line_add(&l, "%s", "12345");
	assert_int_equal(l.n, 5);
	line_add(&l, "%s", "678901");
	assert_true(l.cut);
	assert_string_equal(text, "12345");
	line_add(&l, "%s", "67890");
	assert_string_equal(text, "1234567890");
	assert_int_equal(l.n, 10);
	line_add(&l, "%s", "");
	assert_string_equal(text, "1234567890");
	line_add(&l, "x");
	assert_string_equal(text, "1234567890");
	line_add_cut(&l, SPAN("y"));
	assert_string_equal(text, "1234567890");
}

/* As line_add with the same texts, in rooms of all sizes. */
static void joined_texts_are_one_part(void **state)
{
	(void)state;
	for (size_t cap = 1; cap < 20; cap++) {
		char *texts[2] = { exactly(NULL, cap), exactly(NULL, cap) };
		struct line lines[2];

		for (size_t i = 0; i < 2; i++)
			line_init(&lines[i], texts[i], cap);
		for (size_t part = 0; part < 3; part++) {
			line_add(&lines[0], "%s%s%s", "abc", "", "defgh");
			line_join(&lines[1], "abc", "", "defgh", NULL);
			line_add(&lines[0], "x");
			line_join(&lines[1], "x", NULL);
			line_join(&lines[1], NULL);
			assert_string_equal(texts[1], texts[0]);
			assert_int_equal(lines[1].n, lines[0].n);
			assert_int_equal(lines[1].cut, lines[0].cut);
		}
		free(texts[0]);
		free(texts[1]);
	}
}

static void a_line_takes_what_fits(void **state)
{
	(void)state;
	for (size_t cap = 1; cap < 20; cap++) {
		char *text = exactly(NULL, cap);
		struct line l;

		line_init(&l, text, cap);
		line_add(&l, "ab");
		line_add_cut(&l, SPAN("0123456789"));
		assert_true(l.n < cap);
		assert_int_equal(strlen(text), l.n);
		if (cap > 12)
			assert_string_equal(text, "ab0123456789");
		else if (cap > 2)
			assert_memory_equal(text, "ab0123456789", cap - 1);
		line_add_cut(&l, (struct span){ NULL, 0 });
		assert_int_equal(strlen(text), l.n);
		free(text);
	}
}

static void copies_fit(void **state)
{
	(void)state;
	for (size_t cap = 1; cap < 8; cap++) {
		char *out = exactly(NULL, cap);

		text_copy(SPAN("12345"), out, cap);
		assert_int_equal(strlen(out), cap - 1 < 5 ? cap - 1 : 5);
		assert_memory_equal(out, "12345", strlen(out));
		text_copy((struct span){ NULL, 0 }, out, cap);
		assert_string_equal(out, "");
		free(out);
	}
}

/* The length by decoding: the plainest reading of RFC 3629. */
static size_t utf8(const unsigned char *s, size_t n)
{
	static const unsigned long least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = s[0] < 0x80  ? 1
		: s[0] >> 5 == 6  ? 2
		: s[0] >> 4 == 14 ? 3
		: s[0] >> 3 == 30 ? 4
				  : 0;
	unsigned long c = len < 2 ? s[0] : s[0] & (0x7fU >> len);

	if (len == 0 || n < len)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if (s[i] >> 6 != 2)
			return 0;
		c = c << 6 | (s[i] & 63U);
	}
	return c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : len;
}

static void utf8_characters(void **state)
{
	static const unsigned char edges[] = { 0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
		0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4,
		0xf5, 0xf8, 0xff };
	const size_t count = sizeof(edges);

	(void)state;
	for (size_t i = 0; i < count * count * count * count; i++) {
		const unsigned char bytes[4] = { edges[i % count], edges[i / count % count],
			edges[i / count / count % count], edges[i / count / count / count] };

		for (size_t n = 1; n <= 4; n++) {
			struct span s = { (const char *)bytes, n };
			size_t want = utf8(bytes, n);

			assert_int_equal(text_utf8(s), want);
		}
	}
}

static void decimal(void **state)
{
	char out[TEXT_DECIMAL_ROOM];

	(void)state;
	assert_int_equal(text_decimal(0, out), 1);
	assert_string_equal(out, "0");
	assert_int_equal(text_decimal(1050, out), 4);
	assert_string_equal(out, "1050");
	assert_int_equal(text_decimal(UINT64_MAX, out), 20);
	assert_string_equal(out, "18446744073709551615");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decimal),
		cmocka_unit_test(every_byte),
		cmocka_unit_test(cuts_at_every_size),
		cmocka_unit_test(a_line_takes_all_or_nothing),
		cmocka_unit_test(joined_texts_are_one_part),
		cmocka_unit_test(a_line_takes_what_fits),
		cmocka_unit_test(copies_fit),
		cmocka_unit_test(utf8_characters),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
