/* Base64: every short length against a plain encoder, and texts that are nearly valid. */
#include "unit.h"

#include "dsp/core/base/b64.h"
#include "dsp/core/base/mem.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum { LONGEST = 300 };

/* RFC 4648, three bytes at a time; the length. out has room for 4 * (n / 3 + 1) bytes. */
static size_t encode(const unsigned char *in, size_t n, char *out)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i += 3) {
		unsigned left = n - i > 2 ? 3 : (unsigned)(n - i);
		unsigned bits = (unsigned)in[i] << 16;

		if (left > 1)
			bits |= (unsigned)in[i + 1] << 8;
		if (left > 2)
			bits |= in[i + 2];
		out[len++] = alphabet[bits >> 18];
		out[len++] = alphabet[bits >> 12 & 63];
		out[len++] = left > 1 ? alphabet[bits >> 6 & 63] : '=';
		out[len++] = left > 2 ? alphabet[bits & 63] : '=';
	}
	return len;
}

/* Whether text is what encode would write for something: the plainest way to tell. */
static bool is_encoded(const char *text, size_t n)
{
	unsigned char bytes[LONGEST + 8];
	char again[(LONGEST + 8) * 2];
	size_t len = 0;
	unsigned bits = 0;
	size_t pad = 0;

	if (n % 4 != 0)
		return false;
	while (pad < 2 && pad < n && text[n - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i < n; i++) {
		const char *at = text[i] ? strchr(alphabet, text[i]) : NULL;

		if (!at && (i < n - pad || text[i] != '='))
			return false;
		bits = (bits << 6 | (at ? (unsigned)(at - alphabet) : 0)) & 0xffffff;
		if (i % 4 == 3) {
			bytes[len++] = (unsigned char)(bits >> 16);
			bytes[len++] = (unsigned char)(bits >> 8);
			bytes[len++] = (unsigned char)bits;
		}
	}
	len -= pad;
	return encode(bytes, len, again) == n && memcmp(again, text, n) == 0;
}

static void fill(unsigned char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bytes[i] = (unsigned char)die(256);
}

static void every_length_there_and_back(void **state)
{
	unsigned char bytes[LONGEST];
	char text[LONGEST * 2];

	(void)state;
	for (size_t n = 0; n <= LONGEST; n++) {
		size_t len;
		size_t back;
		char *own;
		char *in_place;

		fill(bytes, n);
		len = encode(bytes, n, text);
		own = b64_encode((struct span){ (const char *)bytes, n });
		assert_non_null(own);
		assert_int_equal(strlen(own), len);
		assert_memory_equal(own, text, len);
		mem_free(own);
		assert_int_equal(b64_encoded_length(n), len);
		in_place = exactly(text, len);
		assert_true(b64_valid((struct span){ in_place, len }));
		back = b64_decode(in_place, len);
		assert_int_equal(back, n);
		assert_memory_equal(in_place, bytes, n);
		free(in_place);
		in_place = exactly(text, len);
		assert_true(b64_decode_strict(in_place, len, &back));
		assert_int_equal(back, n);
		assert_memory_equal(in_place, bytes, n);
		free(in_place);
	}
}

static void extreme_bytes(void **state)
{
	static const unsigned char fills[] = { 0x00, 0xff, 0x55, 0xaa, 0xfb, 0xef };

	(void)state;
	for (size_t f = 0; f < sizeof(fills); f++) {
		for (size_t n = 0; n < 20; n++) {
			unsigned char bytes[20];
			char text[40];
			char again[40];
			size_t len;
			size_t back;

			memset(bytes, fills[f], sizeof(bytes));
			len = encode(bytes, n, text);
			memcpy(again, text, len);
			back = b64_decode(text, len);
			assert_int_equal(back, n);
			assert_memory_equal(text, bytes, n);
			assert_true(b64_decode_strict(again, len, &back));
			assert_int_equal(back, n);
			assert_memory_equal(again, bytes, n);
		}
	}
}

static void a_large_text_in_place(void **state)
{
	enum { LARGE = (4 << 20) + 1 };
	unsigned char *bytes = (unsigned char *)exactly(NULL, LARGE);
	char *text = exactly(NULL, 4 * (LARGE / 3 + 1));
	char *again;
	size_t len;
	size_t back;

	(void)state;
	fill(bytes, LARGE);
	len = encode(bytes, LARGE, text);
	assert_true(b64_valid((struct span){ text, len }));
	again = exactly(text, len);
	back = b64_decode(text, len);
	assert_int_equal(back, LARGE);
	assert_memory_equal(text, bytes, LARGE);
	assert_true(b64_decode_strict(again, len, &back));
	assert_int_equal(back, LARGE);
	assert_memory_equal(again, bytes, LARGE);
	free(again);
	free(text);
	free(bytes);
}

/* Both ways to check a text, of which one decodes it at once. */
static bool is_valid(const char *text, size_t n)
{
	char *copy = exactly(text, n);
	bool valid = b64_valid((struct span){ copy, n });
	size_t len = b64_decoded_length((struct span){ copy, n });
	size_t back;

	assert_int_equal(b64_decode_strict(copy, n, &back), valid);
	if (valid)
		assert_int_equal(back, len);
	free(copy);
	return valid;
}

static void invalid_texts(void **state)
{
	static const char *const texts[] = { "A", "AA", "AAA", "AAAAA", "=",
		"==", "===", "====", "A===", "AA=A", "A=AA", "=AAA",
		"AAA==", "AAAA=", "AAAA==", "AA==AAAA", "AAA=AAAA", "AA=\n", "AAA\n", "AAAA\n",
		"\nAAA", "AA A", "AAA ", " AAA", "AA-A", "AA_A", "AAA\t",
		"AB==", "A/==", "AAB=", "AAD=", "Zg=", "Zg",
		"Zh==", "Zm9=", "ZZ==", "////====", "AAA\x80", "\xff\xff\xff\xff", "AA%3D" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (is_valid(texts[i], strlen(texts[i])))
			fail_msg("taken: %s", texts[i]);
	}
	assert_false(is_valid("AA\0A", 4));
	assert_false(is_valid("AAA\0", 4));
	assert_true(is_valid(NULL, 0));
	assert_true(is_valid("AAAA", 4));
	assert_true(is_valid("Zg==", 4));
	assert_true(is_valid("Zm8=", 4));
}

/* Valid texts with a byte or two changed, cut, or made longer. */
static void nearly_valid_texts(void **state)
{
	(void)state;
	for (size_t round = 0; round < 50000; round++) {
		unsigned char bytes[24];
		char text[48];
		size_t n = die(sizeof(bytes));
		size_t len;

		fill(bytes, n);
		len = encode(bytes, n, text);
		for (size_t i = die(3); i > 0 && len > 0; i--)
			text[die(len)] = (char)(die(2) ? die(256)
						       : (unsigned char)"A=/+ \n-_"[die(8)]);
		if (die(8) == 0)
			len -= die(len + 1);
		assert_int_equal(is_valid(text, len), is_encoded(text, len));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_there_and_back),
		cmocka_unit_test(extreme_bytes),
		cmocka_unit_test(a_large_text_in_place),
		cmocka_unit_test(invalid_texts),
		cmocka_unit_test(nearly_valid_texts),
	};

	return cmocka_run_group_tests_name("b64", tests, NULL, NULL);
}
