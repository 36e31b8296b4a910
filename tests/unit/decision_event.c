/* What was decided: a refusal goes before any decision. */
#include "unit.h"

#include "dsp/core/record/decision_event.h"

static void refusal_first(void **state)
{
	static const struct refusal refusals[] = { { REFUSED_QUESTION, "a" },
		{ REFUSED_REPEATED, "b" }, { REFUSED_FAILURE, "c" }, { REFUSED_AUDIT, "d" } };
	static const char *const words[] = { "question", "question", "failure", "audit" };
	struct decision d = { .verdict = VERDICT_ALLOW, .by = DECIDED_BY_GRANT };
	struct decision_event e = { .decision = &d, .message = "of the decision" };

	(void)state;
	assert_true(decision_event_allows(&e));
	assert_string_equal(decision_event_message(&e), "of the decision");
	assert_string_equal(decision_event_decided_by(&e), "grant");
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		e.refusal = &refusals[i];
		e.decision = &d;
		assert_false(decision_event_allows(&e));
		assert_string_equal(decision_event_message(&e), refusals[i].message);
		assert_string_equal(decision_event_decided_by(&e), words[i]);
		e.decision = NULL;
		assert_false(decision_event_allows(&e));
	}
}

/* Each step has a word of its own, and nothing but an allow allows. */
static void words(void **state)
{
	(void)state;
	for (int by = DECIDED_BY_BROKEN; by <= DECIDED_BY_PROFILE; by++) {
		struct decision d = { .verdict = VERDICT_DENY, .by = (enum decider)by };
		const struct decision_event e = { .decision = &d };

		assert_false(decision_event_allows(&e));
		assert_null(decision_event_message(&e));
		for (int other = DECIDED_BY_BROKEN; other < by; other++) {
			struct decision o = { .by = (enum decider)other };
			const struct decision_event before = { .decision = &o };

			assert_false(decision_event_allows(&before));
			assert_string_not_equal(
				decision_event_decided_by(&e), decision_event_decided_by(&before));
		}
	}
}

static void operations(void **state)
{
	size_t count;
	struct facts f = { .reading = READING_EXACT };

	(void)state;
	assert_string_equal(decision_event_operation(&f), "unknown");
	f.reading = READING_UNROUTABLE;
	assert_string_equal(decision_event_operation(&f), "none");
	f.route = route_rows(&count);
	assert_string_equal(decision_event_operation(&f), f.route->name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusal_first),
		cmocka_unit_test(words),
		cmocka_unit_test(operations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
