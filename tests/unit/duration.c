/* Times as people write them: 90s, 15m, 2h, 1d. */
#include "unit.h"

#include "dsp/core/base/duration.h"

static void durations(void **state)
{
	static const struct {
		const char *text;
		uint64_t seconds;
		const char *again; /* NULL: it cannot be parsed */
		const char *people;
	} table[] = {
		{ "90s", 90, "90s", "90 s" },
		{ "15m", 900, "15m", "15 min" },
		{ "8h", 28800, "8h", "8 h" },
		{ "5400s", 5400, "90m", "1 h 30 min" },
		{ "2d", 172800, "2d", "48 h" },
		{ "0", 0, "0s", "0 min" },
		{ "0m", 0, "0s", "0 min" },
		{ "", 0, NULL, NULL },
		{ "15", 0, NULL, NULL },
		{ "m", 0, NULL, NULL },
		{ "-5m", 0, NULL, NULL },
		{ "1h30m", 0, NULL, NULL },
		{ "1.5h", 0, NULL, NULL },
		{ "15M", 0, NULL, NULL },
		{ "9999999999s", 0, NULL, NULL },
	};
	char out[DURATION_ROOM];
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(
			duration_parse(span_of(table[i].text), &n), table[i].again != NULL);
		if (!table[i].again)
			continue;
		assert_int_equal(n, table[i].seconds);
		assert_string_equal(duration_write(n, out), table[i].again);
		assert_string_equal(duration_write_long(n, out), table[i].people);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
