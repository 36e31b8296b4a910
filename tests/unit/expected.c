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
	e.texts[EXPECTED_SENDER] = span_of(subject);
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

	if (expected_end(x, &e) != EXPECTED_ONE)
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
	/* One was dropped, and which one dsp cannot know. */
	assert_null(end(x, "/a", "alice"));
	add(x, made("/a", "alice", "@red"));
	assert_string_equal(end(x, "/a", "alice"), "@red");
	expected_free(x);
}

static bool is_fresh(struct expected *x, const char *name, const char *subject)
{
	struct expectation e = volume(name, subject);

	return expected_end(x, &e) == EXPECTED_ONE && e.fresh;
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
	struct expectation e;
	char target[16];

	(void)state;
	for (unsigned i = 0; i < 1500; i++) {
		(void)snprintf(target, sizeof(target), "/%u", i);
		add(x, made(target, "alice", "alice"));
	}
	e = made("/0", "alice", "");
	assert_int_equal(expected_end(x, &e), EXPECTED_NONE);
	/* Those that are left may be ended by the answer to one that was dropped. */
	e = made("/1499", "alice", "");
	assert_int_equal(expected_end(x, &e), EXPECTED_UNSURE);
	/* Dropping one of which no answer will come matters to none. */
	expected_clear(x);
	for (unsigned i = 0; i < 1500; i++) {
		(void)snprintf(target, sizeof(target), "/%u", i);
		e = made(target, "alice", "alice");
		expected_add(x, &e, i < 1000 ? 0 : 700000);
	}
	e = made("/1499", "alice", "");
	assert_int_equal(expected_end(x, &e), EXPECTED_ONE);
	expected_free(x);
}

/* What two users, or two kinds, have in common ends nothing of another; nor a lack of a user. */
static void none_ends_for_another(void **state)
{
	struct expected *x = expected_new();
	struct expectation e = volume("data", "alice");

	(void)state;
	e.texts[EXPECTED_USER] = SPAN("anna");
	add(x, e);
	e.texts[EXPECTED_USER] = SPAN("");
	assert_int_equal(expected_end(x, &e), EXPECTED_NONE);
	assert_null(end(x, "/volumes/create", "alice"));
	e = made("/volumes/create", "bob", "");
	e.kind = ATTRIBUTE_VOLUME;
	e.texts[EXPECTED_USER] = SPAN("anna");
	assert_int_equal(expected_end(x, &e), EXPECTED_NONE);
	e = volume("data", "alice");
	e.texts[EXPECTED_USER] = SPAN("anna");
	assert_int_equal(expected_end(x, &e), EXPECTED_ONE);
	expected_free(x);
}

/* An answer that may be that of several ends one; then no other is sure, until it ended too. */
static void what_ended_by_guess_makes_others_unsure(void **state)
{
	struct expected *x = expected_new();
	struct expectation e;

	(void)state;
	add(x, volume("a", "alice"));
	add(x, volume("b", "alice"));
	add(x, volume("b", "bob"));
	e = volume("", "alice");
	assert_int_equal(expected_end(x, &e), EXPECTED_UNSURE);
	assert_false(is_fresh(x, "b", "alice"));
	add(x, volume("c", "alice"));
	assert_true(is_fresh(x, "c", "alice"));
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
		cmocka_unit_test(none_ends_for_another),
		cmocka_unit_test(what_ended_by_guess_makes_others_unsure),
		cmocka_unit_test(says_what_is_being_made),
		cmocka_unit_test(the_oldest_are_dropped),
		cmocka_unit_test(the_last_of_a_name_for_ten_minutes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
