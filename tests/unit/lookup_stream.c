/* What dspd makes of the answers of a process that looks up, which may be hostile. */
#include "unit.h"

#include <errno.h>

#include "daemon/lookup_stream.h"

/* Enters the replies in a look-up of two sources. Returns its end. */
static int fed(const struct lookup_reply *replies, size_t bytes)
{
	struct mount_lookup *l = mount_lookup_new(SPAN("/none"), 0);
	size_t count = bytes / sizeof(replies[0]);
	struct facts facts = { .reading = READING_EXACT };
	struct lookup_end end;
	int code = EPIPE;
	struct err e;

	assert_non_null(l);
	assert_int_equal(mount_lookup_add(l, SPAN("/a"), &e), 0);
	assert_int_equal(mount_lookup_add(l, SPAN("/b"), &e), 0);
	if (lookup_replies_enter(l, replies, count, &end))
		code = end.code;
	mount_lookup_end(l, code);
	mount_lookup_attach(l, &facts);
	if (code != 0 || facts.reading != READING_EXACT) {
		assert_null(mount_lookup_find(l, SPAN("/a")));
		assert_int_equal(facts.reading, READING_UNREADABLE);
		code = code != 0 ? code : -1;
	}
	mount_lookup_release(l);
	return code;
}

#define F(i)                                                                                       \
	{                                                                                          \
		.kind = LOOKUP_FOUND, .number = (i), .flags = LOOKUP_FLAG_VISIBLE, .path = "/x"    \
	}
#define E(code)                                                                                    \
	{                                                                                          \
		.kind = LOOKUP_ENDED, .number = (code)                                             \
	}

static void answers_out_of_order(void **state)
{
	static const struct lookup_reply right[] = { F(0), F(1), E(0) };
	static const struct lookup_reply wrong[][4] = {
		{ E(0) },
		{ F(0), E(0) },
		{ F(1), E(0) },
		{ F(1), F(0), E(0) },
		{ F(0), F(0), E(0) },
		{ F(0), F(0), F(1), E(0) },
		{ F(0), F(1), F(1), E(0) },
		{ F(0), F(1), F(2), E(0) },
		{ F(0), F(2), E(0) },
		{ F(0), F(UINT32_MAX), E(0) },
		{ F(0), F(1), E(UINT32_MAX) },
		{ F(0), F(1), E(EIO) },
		{ F(0), F(1), { .kind = 0 } },
		{ F(0), F(1), { .kind = 99 } },
		{ F(0), F(1), { .kind = LOOKUP_ENDED, .flags = 1U << 31 } },
		{ F(0), F(1), { .kind = LOOKUP_BEGUN } },
		{ F(0), { .kind = LOOKUP_FOUND, .number = 1, .flags = LOOKUP_FLAG_LAST }, E(0) },
		{ F(0), F(1), E(0), E(0) },
	};
	struct lookup_reply some[3];

	(void)state;
	assert_int_equal(fed(right, sizeof(right)), 0);
	for (size_t n = 0; n < sizeof(right); n += 77)
		assert_int_equal(fed(right, n), EPIPE);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_not_equal(fed(wrong[i], sizeof(wrong[i])), 0);
	memcpy(some, right, sizeof(right));
	memset(some[1].path, 'x', sizeof(some[1].path));
	assert_int_equal(fed(some, sizeof(some)), EPROTO);
	memcpy(some, right, sizeof(right));
	some[1].node = 'x';
	assert_int_equal(fed(some, sizeof(some)), EPROTO);
	some[1].node = 'c';
	assert_int_equal(fed(some, sizeof(some)), 0);
	/* Any bytes: an answer, or none. */
	for (int i = 0; i < 2000; i++) {
		memcpy(some, right, sizeof(right));
		for (int k = 0; k < 3; k++)
			((char *)some)[die(sizeof(some))] = (char)die(256);
		(void)fed(some, sizeof(some));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_out_of_order),
	};

	return cmocka_run_group_tests_name("lookup_stream", tests, NULL, NULL);
}
