/* Powers: their names, and sets of them. */
#include "unit.h"

#include "dsp/core/facts/powers.h"

static struct powerset set_of(size_t a, size_t b)
{
	struct powerset set = { { 0 } };

	powerset_add(&set, (enum power)a);
	powerset_add(&set, (enum power)b);
	return set;
}

static void every_pair(void **state)
{
	const struct powerset none = { { 0 } };

	(void)state;
	assert_true(powerset_empty(&none));
	for (size_t a = 0; a < POWER_COUNT; a++) {
		for (size_t b = 0; b < POWER_COUNT; b++) {
			struct powerset both = set_of(a, b);
			struct powerset one = set_of(a, a);
			struct powerset other = set_of(b, b);
			struct powerset common = powerset_both(&one, &other);
			size_t count = 0;

			for (size_t i = 0; i < POWER_COUNT; i++)
				count += powerset_has(&both, (enum power)i);
			assert_int_equal(count, a == b ? 1 : 2);
			assert_true(powerset_has(&both, (enum power)a));
			assert_true(powerset_has(&both, (enum power)b));
			assert_false(powerset_empty(&both));
			assert_int_equal(powerset_empty(&common), a != b);
			assert_true(powerset_within(&one, &both));
			assert_int_equal(powerset_within(&both, &one), a == b);
			assert_true(powerset_within(&none, &one));
			assert_false(powerset_within(&one, &none));
		}
	}
}

static void every_power_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (size_t a = 0; a < POWER_COUNT; a++) {
		assert_true(strlen(power_info((enum power)a)->name) > 0);
		for (size_t b = 0; b < a; b++)
			assert_string_not_equal(
				power_info((enum power)a)->name, power_info((enum power)b)->name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair),
		cmocka_unit_test(every_power_has_a_name_of_its_own),
	};

	return cmocka_run_group_tests_name("powers", tests, NULL, NULL);
}
