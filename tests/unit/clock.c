/* Times as text. */
#include "unit.h"

#include "dsp/system/clock.h"

static void text(void **state)
{
	static const struct {
		uint64_t us;
		const char *text;
	} table[] = {
		{ 0, "1970-01-01T00:00:00.000000Z" },
		{ 1, "1970-01-01T00:00:00.000001Z" },
		{ 951782400000000, "2000-02-29T00:00:00.000000Z" },
		{ 1709251199999999, "2024-02-29T23:59:59.999999Z" },
		{ 4107542400000000, "2100-03-01T00:00:00.000000Z" },
		{ 253402300799999999, "9999-12-31T23:59:59.999999Z" },
	};
	char out[CLOCK_TEXT_ROOM];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		clock_write(table[i].us, out);
		assert_string_equal(out, table[i].text);
	}
	/* A client can send any number: the text has the same form. */
	clock_write(UINT64_MAX, out);
	assert_int_equal(strlen(out), strlen(table[0].text));
}

static void text_of_the_next(void **state)
{
	static const uint64_t us[] = { 1709251199000007, 1709251199999999, 1709251199000000,
		1709251200000000, 951782400123456, 951782400023450, UINT64_MAX, 3 };
	char out[CLOCK_TEXT_ROOM];
	char expected[CLOCK_TEXT_ROOM];

	(void)state;
	clock_write(us[0], out);
	for (size_t i = 1; i < sizeof(us) / sizeof(us[0]); i++) {
		clock_write_next(us[i], us[i - 1], out);
		clock_write(us[i], expected);
		assert_string_equal(out, expected);
	}
}

static void earlier(void **state)
{
	(void)state;
	assert_int_equal(clock_earlier(-1, 10, 15), 5);
	assert_int_equal(clock_earlier(3, 10, 15), 3);
	assert_int_equal(clock_earlier(7, 10, 15), 5);
	assert_int_equal(clock_earlier(7, 15, 10), 0);
	assert_int_equal(clock_earlier(-1, 0, UINT64_MAX), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text),
		cmocka_unit_test(text_of_the_next),
		cmocka_unit_test(earlier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
