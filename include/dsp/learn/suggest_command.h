/* A suggestion as it is asked for and printed: dsp suggest, and dsp watch --learn. */
#ifndef DSP_SUGGEST_COMMAND_H
#define DSP_SUGGEST_COMMAND_H

#include "dsp/learn/observations.h"

struct suggest_options {
	struct learn_options wanted;
	bool profile_given;
	bool policy;
	bool json;
	const char *user;
	const char *tests;
	const char *users;
	json_t *users_file; /* as it was read */
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
	{                                                                                          \
		"json", no_argument, NULL, SUGGEST_JSON                                            \
	}

/* NULL: it was taken; else what is wrong with it. */
const char *suggest_parse_option(
	struct suggest_options *o, struct observations *all, int option, const char *value);

/* Reads what the options name, before anything is learned. -1 and e. */
MUST_USE int suggest_read_users(struct suggest_options *o, struct err *e);

/* Prints what is made of all, or on standard error why nothing is. The exit status. */
int suggest_report(struct suggest_options *o, struct observations *all);

/* Frees what suggest_read_users has read, whatever became of it. */
void suggest_options_free(struct suggest_options *o);

#endif
