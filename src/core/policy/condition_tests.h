/* The tests of the keys of require.tab: whether a body's field meets a condition. */
#ifndef DSP_CONDITION_TESTS_H
#define DSP_CONDITION_TESTS_H

#include "dsp/core/policy/conditions.h"

enum condition_form {
	FORM_NONE, /* the key does not concern the request */
	FORM_CREATE,
	FORM_UPDATE, /* what it does not give stays as it is */
	FORM_SERVICE,
	FORM_OTHER,
	FORM_REPLACED,
};

/* What a test looks at. */
struct condition_case {
	const struct condition_bound *bound;
	const struct facts *facts;
	enum condition_form form;
	json_ref holder; /* the object that holds the field; NULL: there is none */
	json_ref value;  /* of the field; NULL: it is not given */
	struct span user;
	const struct conditions *all; /* that stand beside it */
	int64_t *amount; /* gets what the request gives, where the bound is a number; or NULL */
};

/* A limit. 0 means no limit; in an update it changes nothing. */
enum condition_state condition_test_number(const struct condition_case *c, json_ref v);

/* Of pinned (pinned_tests.c) and tmpfs (tmpfs_tests.c). */
enum condition_state condition_test_pinned(const struct condition_case *c);
enum condition_state condition_test_tmpfs(const struct condition_case *c);

/* Of commands and what changes them (command_tests.c). */
enum condition_state condition_test_commands(const struct condition_case *c);
enum condition_state condition_test_env(const struct condition_case *c);
enum condition_state condition_test_working_dir(const struct condition_case *c);

/*
 * Whether a key bounds what a request may give: it is met where nothing is given, and its test
 * looks at the body itself too, which dockerd may take for a HostConfig.
 */
bool condition_forbids(enum condition key);

/* The test of a key. */
enum condition_state condition_test(enum condition key, const struct condition_case *c);

/*
 * Compares a request, which has a route, with the bound of one key alone. *amount gets what the
 * request gives: the least bound that it meets, where the bound is a number and the request gives
 * one; else it stays as it is.
 */
enum condition_state condition_judge_alone(enum condition key, const struct condition_bound *bound,
	const struct facts *facts, int64_t *amount);

#endif
