/* SHA-256 digests: known values, and which texts are digests. */
#include "unit.h"

#include "dsp/core/base/digest.h"

/* FIPS 180-2. */
static const struct {
	const char *text, *digest;
} known[] = {
	{ "", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
};

static void known_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		unsigned char made[DIGEST_SIZE];
		unsigned char parsed[DIGEST_SIZE];
		char text[DIGEST_ROOM];

		digest_write(span_of(known[i].text), text);
		assert_string_equal(text, known[i].digest);
		digest_of(span_of(known[i].text), made);
		assert_true(digest_parse(span_of(text), parsed));
		assert_true(digest_equal(made, parsed));
		for (size_t bit = 0; bit < 8 * (size_t)DIGEST_SIZE; bit++) {
			parsed[bit / 8] ^= (unsigned char)(1U << bit % 8);
			assert_false(digest_equal(made, parsed));
			parsed[bit / 8] ^= (unsigned char)(1U << bit % 8);
		}
	}
}

static void what_is_no_digest(void **state)
{
	unsigned char digest[DIGEST_SIZE];
	char text[DIGEST_ROOM];
	size_t n = strlen(known[0].digest);

	(void)state;
	for (size_t len = 0; len < n; len++) {
		char *cut = exactly(known[0].digest, len);

		assert_false(digest_parse((struct span){ cut, len }, digest));
		free(cut);
	}
	for (size_t i = 0; i < n; i++) {
		static const char wrong[] = { 'g', 'A', ' ', '/', ':', '`', '\0' };

		for (size_t k = 0; k < sizeof(wrong); k++) {
			memcpy(text, known[0].digest, n + 1);
			if (text[i] == wrong[k])
				continue;
			text[i] = wrong[k];
			assert_false(digest_parse((struct span){ text, n }, digest));
		}
	}
	memcpy(text, known[0].digest, n);
	text[n] = '0';
	assert_false(digest_parse((struct span){ text, n + 1 }, digest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
		cmocka_unit_test(what_is_no_digest),
	};

	return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
