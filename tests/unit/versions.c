/* What depends on dockerd's version: each row of versions.tab, on both of its sides. */
#include "unit.h"

#include "dsp/core/facts/versions.h"

static void rows(void **state)
{
	static const struct {
		enum version_fact fact;
		long before, first, last, after; /* 0: there is no such side */
	} wanted[] = {
		{ VERSION_KNOWN, 170400, 170500, 299900, 300000 },
		{ VERSION_KEY_TABLE, 190315, 201000, 201027, 230000 },
		{ VERSION_STRICT_FILE, 201027, 230000, 290702, 0 },
		{ VERSION_VALIDATE, 201027, 230000, 290702, 0 },
		{ VERSION_HIDDEN_BODIES, 0, 170500, 290300, 290301 },
		{ VERSION_BUILDKIT_HTTP2, 290105, 290200, 300000, 0 },
	};

	(void)state;
	assert_int_equal(sizeof(wanted) / sizeof(wanted[0]), VERSION_FACT_COUNT);
	for (size_t i = 0; i < VERSION_FACT_COUNT; i++) {
		enum version_fact fact = wanted[i].fact;

		assert_int_equal(fact, i);
		assert_false(version_has(fact, 0));
		assert_true(version_has(fact, wanted[i].first));
		assert_true(version_has(fact, wanted[i].last));
		if (wanted[i].before != 0)
			assert_false(version_has(fact, wanted[i].before));
		if (wanted[i].after != 0)
			assert_false(version_has(fact, wanted[i].after));
		assert_true(version_since(fact) <= wanted[i].first);
		assert_true(version_until(fact) >= wanted[i].last);
	}
}

static void numbers(void **state)
{
	static const struct {
		const char *text;
		long number;
	} wanted[] = {
		{ "29.3.1", 290301 },
		{ "20.10.24+dfsg1", 201024 },
		{ "17.05.0-ce", 170500 },
		{ "28.0-rc.1", 280000 },
		{ "1.13.1", 11301 },
		{ "", 0 },
		{ "dev", 0 },
		{ "20", 0 },
		{ "20-dev.1", 0 },
		{ "-1.0", 0 },
		{ "0x1.0", 0 },
		{ "100.1.1", 0 },
		{ "99999999999999999999.1", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		assert_int_equal(version_number(wanted[i].text), wanted[i].number);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows),
		cmocka_unit_test(numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
