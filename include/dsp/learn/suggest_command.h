/* What dsp suggest and dsp watch --learn share: the options of a suggestion, and its printing. */
#ifndef DSP_SUGGEST_COMMAND_H
#define DSP_SUGGEST_COMMAND_H

#include "dsp/learn/observations.h"

struct suggest_options {
	struct learn_options wanted;
	bool profile_given; /* else the profile of the log */
	bool form_given;    /* --flags or --policy */
	bool policy;        /* a policy file rather than flags */
	bool json;
	bool include_denied;
	const char *user;   /* only requests by this subject */
	const char *output; /* the file to write; NULL: standard output */
	const char *tests;  /* the file for tests, or NULL */
	const char *users;  /* the policy file whose users are taken over, or NULL */
	json_t *users_file; /* its content */
};

enum suggest_option {
	SUGGEST_FLAGS = 0x100,
	SUGGEST_POLICY,
	SUGGEST_PROFILE,
	SUGGEST_ACCEPT,
	SUGGEST_DENIED,
	SUGGEST_EXACT,
	SUGGEST_USER,
	SUGGEST_USERS,
	SUGGEST_TESTS,
	SUGGEST_JSON,
	SUGGEST_CONTAINERS,
	SUGGEST_REQUIRE,
	SUGGEST_OUTPUT = 'o',
	SUGGEST_SINCE = SUGGEST_REQUIRE + 1, /* these two are of dsp suggest alone */
	SUGGEST_UNTIL,
};

/* For getopt_long. */
#define SUGGEST_OPTIONS                                                                            \
	{ "flags", no_argument, NULL, SUGGEST_FLAGS },                                             \
		{ "policy", no_argument, NULL, SUGGEST_POLICY },                                   \
		{ "profile", required_argument, NULL, SUGGEST_PROFILE },                           \
		{ "accept", required_argument, NULL, SUGGEST_ACCEPT },                             \
		{ "include-denied", no_argument, NULL, SUGGEST_DENIED },                           \
		{ "exact", no_argument, NULL, SUGGEST_EXACT },                                     \
		{ "user", required_argument, NULL, SUGGEST_USER },                                 \
		{ "users", required_argument, NULL, SUGGEST_USERS },                               \
		{ "tests", required_argument, NULL, SUGGEST_TESTS },                               \
		{ "containers", required_argument, NULL, SUGGEST_CONTAINERS },                     \
		{ "require", no_argument, NULL, SUGGEST_REQUIRE },                                 \
		{ "output", required_argument, NULL, SUGGEST_OUTPUT },                             \
	{                                                                                          \
		"json", no_argument, NULL, SUGGEST_JSON                                            \
	}

/* Parses one option. NULL, or what is wrong with it. value must outlive o. */
const char *suggest_parse_option(struct suggest_options *o, int option, const char *value);

/*
 * After all options: makes the observations, which the caller fills and frees, and reads the file
 * of --users. NULL and e: it cannot. The caller calls json_decref(o->users_file) in any case.
 */
struct observations *suggest_begin(struct suggest_options *o, struct err *e);

/* Prints a suggestion, or on standard error why there is none. Returns the exit status. */
int suggest_end(struct suggest_options *o, struct observations *all);

#endif
