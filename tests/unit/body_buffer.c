/* A body while it comes in: its own limit, the budget of all, and no memory. */
#include "unit.h"

#include "daemon/body_buffer.h"

static char chunk[1 << 16];

static void pieces_come_together(void **state)
{
	(void)state;
	for (size_t piece = 1; piece < 70; piece++) {
		struct budget budget = { .limit = 1 << 20 };
		struct intake in;
		char want[3000];

		for (size_t i = 0; i < sizeof(want); i++)
			want[i] = (char)(i * 7);
		intake_begin(&in, sizeof(want));
		for (size_t at = 0; at < sizeof(want); at += piece)
			intake_take(&in, &budget, want + at,
				piece < sizeof(want) - at ? piece : sizeof(want) - at);
		assert_int_equal(in.fault, INTAKE_FINE);
		assert_int_equal(in.len, sizeof(want));
		assert_memory_equal(in.bytes, want, sizeof(want));
		assert_true(in.room <= sizeof(want));
		assert_int_equal(budget.used, in.room);
		intake_drop(&in, &budget);
		intake_drop(&in, &budget);
		assert_int_equal(budget.used, 0);
		assert_null(in.bytes);
	}
}

static void one_byte_too_many(void **state)
{
	struct budget budget = { .limit = 1 << 20 };
	struct intake in;

	(void)state;
	intake_begin(&in, 1000);
	intake_take(&in, &budget, chunk, 1000);
	assert_int_equal(in.fault, INTAKE_FINE);
	intake_take(&in, &budget, chunk, 0);
	assert_int_equal(in.fault, INTAKE_FINE);
	intake_take(&in, &budget, chunk, 1);
	assert_int_equal(in.fault, INTAKE_TOO_BIG);
	assert_int_equal(budget.used, 0);
	intake_take(&in, &budget, chunk, sizeof(chunk));
	assert_int_equal(in.fault, INTAKE_TOO_BIG);
	assert_null(in.bytes);
	intake_drop(&in, &budget);
	assert_int_equal(budget.used, 0);
}

static void a_claim_costs_nothing(void **state)
{
	struct budget budget = { .limit = 1 << 20 };
	struct intake in;

	(void)state;
	intake_begin(&in, 1000);
	intake_expect(&in, 1000);
	assert_int_equal(budget.used, 0);
	assert_int_equal(in.fault, INTAKE_FINE);
	intake_expect(&in, 1001);
	assert_int_equal(in.fault, INTAKE_TOO_BIG);
	intake_begin(&in, 1000);
	intake_expect(&in, UINT64_MAX);
	assert_int_equal(in.fault, INTAKE_TOO_BIG);
	intake_begin(&in, 0);
	intake_expect(&in, UINT64_MAX);
	intake_take(&in, &budget, chunk, sizeof(chunk));
	assert_int_equal(in.fault, INTAKE_FINE);
	assert_int_equal(budget.used, 0);
	/* A claim that was too small does not bound what is kept. */
	intake_begin(&in, 1000);
	intake_expect(&in, 10);
	intake_take(&in, &budget, chunk, 5);
	intake_take(&in, &budget, chunk, 500);
	assert_int_equal(in.fault, INTAKE_FINE);
	assert_int_equal(in.len, 505);
	intake_drop(&in, &budget);
}

static void the_budget_is_shared(void **state)
{
	enum { MANY = 40 };
	struct budget budget = { .limit = sizeof(chunk) * 4 };
	struct intake all[MANY];
	size_t kept = 0;

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		intake_begin(&all[i], sizeof(chunk));
		intake_take(&all[i], &budget, chunk, sizeof(chunk));
		assert_true(budget.used <= budget.limit);
		kept += all[i].fault == INTAKE_FINE;
		if (all[i].fault != INTAKE_FINE)
			assert_int_equal(all[i].fault, INTAKE_NO_ROOM);
	}
	assert_true(kept > 0 && kept <= 4);
	for (size_t i = 0; i < MANY; i++)
		intake_drop(&all[i], &budget);
	assert_int_equal(budget.used, 0);
	intake_begin(&all[0], sizeof(chunk));
	intake_take(&all[0], &budget, chunk, sizeof(chunk));
	assert_int_equal(all[0].fault, INTAKE_FINE);
	intake_drop(&all[0], &budget);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_come_together),
		cmocka_unit_test(one_byte_too_many),
		cmocka_unit_test(a_claim_costs_nothing),
		cmocka_unit_test(the_budget_is_shared),
	};

	return cmocka_run_group_tests_name("intake", tests, NULL, NULL);
}
