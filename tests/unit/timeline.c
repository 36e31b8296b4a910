/* Decisions over time: none is lost when spans become wider; spans begin at round times. */
#include "unit.h"

#include "report/timeline.h"

static void sums(const struct timeline *t, uint64_t *allowed, uint64_t *denied)
{
	*allowed = *denied = 0;
	for (size_t i = 0; i < TIMELINE_SPANS; i++) {
		*allowed += t->spans[i].allowed;
		*denied += t->spans[i].denied;
	}
}

static void one_minute(void **state)
{
	struct timeline t = { .width = 0 };

	(void)state;
	timeline_count(&t, 125, false, 2);
	timeline_count(&t, 179, true, 1);
	assert_int_equal(t.start, 120);
	assert_int_equal(t.width, 60);
	assert_int_equal(t.used, 1);
	timeline_count(&t, 180, true, 1);
	assert_int_equal(t.used, 2);
	/* Files in the wrong order: a time before the start counts there. */
	timeline_count(&t, 3, false, 5);
	assert_int_equal(t.spans[0].allowed, 7);
}

static void spans_become_wider(void **state)
{
	static const int64_t steps[] = { 1, 59, 3600, 86400, 7 * 86400, 400 * 86400 };
	const int64_t begin = 1795000123;

	(void)state;
	for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
		struct timeline t = { .width = 0 };
		uint64_t allowed;
		uint64_t denied;

		for (int64_t i = 0; i < 500; i++) {
			int64_t at = begin + i * steps[s];

			timeline_count(&t, at, i % 5 == 0, 1);
			assert_true(t.used <= TIMELINE_SPANS);
			assert_int_equal(t.start % t.width, 0);
			assert_true(t.start <= begin);
			assert_true(begin < t.start + t.width);
			assert_true(t.start + (int64_t)t.used * t.width > at);
			assert_true(t.start + ((int64_t)t.used - 1) * t.width <= at);
		}
		sums(&t, &allowed, &denied);
		assert_int_equal(denied, 100);
		assert_int_equal(allowed, 400);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_minute),
		cmocka_unit_test(spans_become_wider),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
