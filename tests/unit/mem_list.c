/* A list of allocations: zeroed, aligned, freed together, and none beyond what memory can be. */
#include "unit.h"

#include "dsp/core/base/mem_list.h"

static void pieces_are_zeroed_and_aligned(void **state)
{
	struct mem_list list = { NULL };

	(void)state;
	for (size_t n = 0; n < 200; n++) {
		char *piece = mem_list_alloc(&list, n);

		assert_non_null(piece);
		assert_int_equal((uintptr_t)piece % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(piece[i], 0);
		memset(piece, 'x', n);
	}
	assert_null(mem_list_alloc(&list, SIZE_MAX));
	assert_null(mem_list_alloc(&list, SIZE_MAX - 8));
	mem_list_free(&list);
	assert_null(list.first);
	/* It can be used again, and freed when it is empty. */
	assert_non_null(mem_list_alloc(&list, 1));
	mem_list_free(&list);
	mem_list_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_zeroed_and_aligned),
	};

	return cmocka_run_group_tests_name("mem_list", tests, NULL, NULL);
}
