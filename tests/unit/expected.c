/* Allowed requests until their AuthZRes, and containers that were removed or renamed. */
#include "unit.h"

#include <stdio.h>

#include "dsp/core/base/text.h"
#include "dsp/owners/expected.h"

static struct expectation made(const char *target, const char *subject, const char *owner)
{
	struct expectation e = { .kind = ATTRIBUTE_CONTAINER };

	e.texts[EXPECTED_METHOD] = SPAN("POST");
	e.texts[EXPECTED_TARGET] = span_of(target);
	e.texts[EXPECTED_SUBJECT] = span_of(subject);
	e.texts[EXPECTED_OWNER] = span_of(owner);
	return e;
}

static struct expectation volume(const char *name, const char *subject)
{
	struct expectation e = made("/volumes/create", subject, subject);

	e.kind = ATTRIBUTE_VOLUME;
	e.texts[EXPECTED_NAME] = span_of(name);
	e.fresh = true;
	return e;
}

/* Ends a request to target by subject (""; any). Returns its owner; NULL: it is not known. */
static const char *end(struct expected *x, const char *target, const char *subject)
{
	static char owner[32];
	struct expectation e = made(target, subject, "");

	if (!expected_end(x, &e))
		return NULL;
	text_copy(e.texts[EXPECTED_OWNER], owner, sizeof(owner));
	return owner;
}

static void add(struct expected *x, struct expectation e)
{
	expected_add(x, &e, 0);
}

static void each_ends_once(void **state)
{
	struct expected *x = expected_new();

	(void)state;
	add(x, made("/a", "alice", "alice"));
	add(x, made("/a", "alice", "alice"));
	add(x, made("/a", "bob", "@red"));
	add(x, made("/b", "bob", "bob"));
	assert_null(end(x, "/c", ""));
	assert_string_equal(end(x, "/a", "bob"), "@red");
	assert_string_equal(end(x, "/a", "alice"), "alice");
	assert_string_equal(end(x, "/a", ""), "alice");
	assert_null(end(x, "/a", ""));
	assert_string_equal(end(x, "/b", "bob"), "bob");
	expected_free(x);
}

static void several_meanings_are_none(void **state)
{
	struct expected *x = expected_new();

	(void)state;
	add(x, made("/a", "alice", "alice"));
	add(x, made("/a", "alice", "@red"));
	assert_null(end(x, "/a", "alice"));
	/* One was dropped. */
	assert_string_equal(end(x, "/a", "alice"), "@red");
	expected_free(x);
}

static bool is_fresh(struct expected *x, const char *name, const char *subject)
{
	struct expectation e = volume(name, subject);

	return expected_end(x, &e) && e.fresh;
}

static void two_that_make_one_volume_own_nothing(void **state)
{
	struct expected *x = expected_new();

	(void)state;
	add(x, volume("data", "alice"));
	add(x, volume("data", "bob"));
	add(x, volume("other", "bob"));
	assert_false(is_fresh(x, "data", "alice"));
	assert_false(is_fresh(x, "data", "bob"));
	assert_true(is_fresh(x, "other", "bob"));
	add(x, volume("data", "alice"));
	add(x, volume("data", "alice"));
	assert_true(is_fresh(x, "data", "alice"));
	expected_free(x);
}

static void the_oldest_are_dropped(void **state)
{
	struct expected *x = expected_new();
	char target[16];

	(void)state;
	for (unsigned i = 0; i < 1500; i++) {
		(void)snprintf(target, sizeof(target), "/%u", i);
		add(x, made(target, "alice", "alice"));
	}
	assert_null(end(x, "/0", ""));
	assert_non_null(end(x, "/1499", ""));
	expected_free(x);
}

static void says_what_is_being_made(void **state)
{
	struct expected *x = expected_new();
	struct expectation e = made("/a", "alice", "alice");

	(void)state;
	expected_add(x, &e, 1000);
	assert_false(expected_makes(x, ATTRIBUTE_CONTAINER, 1000));
	e.makes = true;
	expected_add(x, &e, 1000);
	assert_true(expected_makes(x, ATTRIBUTE_CONTAINER, 601000));
	assert_false(expected_makes(x, ATTRIBUTE_CONTAINER, 601001));
	assert_false(expected_makes(x, ATTRIBUTE_NETWORK, 1000));
	expected_clear(x);
	assert_false(expected_makes(x, ATTRIBUTE_CONTAINER, 1000));
	assert_null(end(x, "/a", "alice"));
	expected_free(x);
}

static const char *departed(struct expected *x, const char *name, const char *subject, uint64_t now)
{
	static char owner[32];
	struct span found;

	if (!expected_find_departed(x, span_of(name), span_of(subject), now, &found))
		return NULL;
	text_copy(found, owner, sizeof(owner));
	return owner;
}

static void leave(struct expected *x, const char *name, const char *owner, uint64_t now)
{
	struct expectation e = made("/x", "mover", owner);

	e.texts[EXPECTED_NAME] = span_of(name);
	expected_add_departed(x, &e, now);
}

static void the_last_of_a_name_for_ten_minutes(void **state)
{
	struct expected *x = expected_new();

	(void)state;
	leave(x, "web", "alice", 1000);
	leave(x, "db", "", 1000);
	leave(x, "", "alice", 1000);
	assert_string_equal(departed(x, "web", "mover", 601000), "alice");
	assert_null(departed(x, "web", "mover", 601001));
	assert_null(departed(x, "web", "bob", 1000));
	assert_null(departed(x, "", "mover", 1000));
	assert_string_equal(departed(x, "db", "mover", 1000), "");
	leave(x, "web", "@red", 2000);
	assert_string_equal(departed(x, "web", "mover", 601001), "@red");
	expected_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_ends_once),
		cmocka_unit_test(several_meanings_are_none),
		cmocka_unit_test(two_that_make_one_volume_own_nothing),
		cmocka_unit_test(says_what_is_being_made),
		cmocka_unit_test(the_oldest_are_dropped),
		cmocka_unit_test(the_last_of_a_name_for_ten_minutes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
