/* A body while it comes in: its own limit, the budget of all, and no memory. */
#include "unit.h"

#include "daemon/body_buffer.h"

static char chunk[1 << 16];

static void pieces_come_together(void **state)
{
	(void)state;
	for (size_t piece = 1; piece < 70; piece++) {
		struct body_budget budget = { .limit = 1 << 20 };
		struct body_buffer in;
		char want[3000];

		for (size_t i = 0; i < sizeof(want); i++)
			want[i] = (char)(i * 7);
		body_buffer_begin(&in, sizeof(want));
		for (size_t at = 0; at < sizeof(want); at += piece)
			body_buffer_append(&in, &budget, want + at,
				piece < sizeof(want) - at ? piece : sizeof(want) - at);
		assert_int_equal(in.fault, BODY_FINE);
		assert_int_equal(in.len, sizeof(want));
		assert_memory_equal(in.bytes, want, sizeof(want));
		assert_true(in.room <= sizeof(want));
		assert_int_equal(budget.used, in.room);
		body_buffer_free(&in, &budget);
		body_buffer_free(&in, &budget);
		assert_int_equal(budget.used, 0);
		assert_null(in.bytes);
	}
}

static void one_byte_too_many(void **state)
{
	struct body_budget budget = { .limit = 1 << 20 };
	struct body_buffer in;

	(void)state;
	body_buffer_begin(&in, 1000);
	body_buffer_append(&in, &budget, chunk, 1000);
	assert_int_equal(in.fault, BODY_FINE);
	body_buffer_append(&in, &budget, chunk, 0);
	assert_int_equal(in.fault, BODY_FINE);
	body_buffer_append(&in, &budget, chunk, 1);
	assert_int_equal(in.fault, BODY_TOO_BIG);
	assert_int_equal(budget.used, 0);
	body_buffer_append(&in, &budget, chunk, sizeof(chunk));
	assert_int_equal(in.fault, BODY_TOO_BIG);
	assert_null(in.bytes);
	body_buffer_free(&in, &budget);
	assert_int_equal(budget.used, 0);
}

static void a_claim_costs_nothing(void **state)
{
	struct body_budget budget = { .limit = 1 << 20 };
	struct body_buffer in;

	(void)state;
	body_buffer_begin(&in, 1000);
	body_buffer_expect(&in, 1000);
	assert_int_equal(budget.used, 0);
	assert_int_equal(in.fault, BODY_FINE);
	body_buffer_expect(&in, 1001);
	assert_int_equal(in.fault, BODY_TOO_BIG);
	body_buffer_begin(&in, 1000);
	body_buffer_expect(&in, UINT64_MAX);
	assert_int_equal(in.fault, BODY_TOO_BIG);
	body_buffer_begin(&in, 0);
	body_buffer_expect(&in, UINT64_MAX);
	body_buffer_append(&in, &budget, chunk, sizeof(chunk));
	assert_int_equal(in.fault, BODY_FINE);
	assert_int_equal(budget.used, 0);
	/* A claim that was too small does not bound what is kept. */
	body_buffer_begin(&in, 1000);
	body_buffer_expect(&in, 10);
	body_buffer_append(&in, &budget, chunk, 5);
	body_buffer_append(&in, &budget, chunk, 500);
	assert_int_equal(in.fault, BODY_FINE);
	assert_int_equal(in.len, 505);
	body_buffer_free(&in, &budget);
}

static void the_budget_is_shared(void **state)
{
	enum { MANY = 40 };
	struct body_budget budget = { .limit = sizeof(chunk) * 4 };
	struct body_buffer all[MANY];
	size_t kept = 0;

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		body_buffer_begin(&all[i], sizeof(chunk));
		body_buffer_append(&all[i], &budget, chunk, sizeof(chunk));
		assert_true(budget.used <= budget.limit);
		kept += all[i].fault == BODY_FINE;
		if (all[i].fault != BODY_FINE)
			assert_int_equal(all[i].fault, BODY_NO_ROOM);
	}
	assert_true(kept > 0 && kept <= 4);
	for (size_t i = 0; i < MANY; i++)
		body_buffer_free(&all[i], &budget);
	assert_int_equal(budget.used, 0);
	body_buffer_begin(&all[0], sizeof(chunk));
	body_buffer_append(&all[0], &budget, chunk, sizeof(chunk));
	assert_int_equal(all[0].fault, BODY_FINE);
	body_buffer_free(&all[0], &budget);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_come_together),
		cmocka_unit_test(one_byte_too_many),
		cmocka_unit_test(a_claim_costs_nothing),
		cmocka_unit_test(the_budget_is_shared),
	};

	return cmocka_run_group_tests_name("body_buffer", tests, NULL, NULL);
}
