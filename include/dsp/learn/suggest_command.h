/* A suggestion as it is asked for and printed: dsp suggest, and dsp watch --learn. */
#ifndef DSP_SUGGEST_COMMAND_H
#define DSP_SUGGEST_COMMAND_H

#include "dsp/learn/observations.h"

struct suggestion_options {
	struct wanted wanted;
	bool profile_given;
	bool policy;
	bool json;
	const char *user;
	const char *tests;
	const char *users;
	json_t *users_file; /* as it was read */
};

enum suggestion_option {
	SUGGESTION_FLAGS = 0x100,
	SUGGESTION_POLICY,
	SUGGESTION_PROFILE,
	SUGGESTION_ACCEPT,
	SUGGESTION_DENIED,
	SUGGESTION_EXACT,
	SUGGESTION_USER,
	SUGGESTION_USERS,
	SUGGESTION_TESTS,
	SUGGESTION_JSON,
};

/* For getopt_long. */
#define SUGGESTION_OPTIONS                                                                         \
	{ "flags", no_argument, NULL, SUGGESTION_FLAGS },                                          \
		{ "policy", no_argument, NULL, SUGGESTION_POLICY },                                \
		{ "profile", required_argument, NULL, SUGGESTION_PROFILE },                        \
		{ "accept", required_argument, NULL, SUGGESTION_ACCEPT },                          \
		{ "include-denied", no_argument, NULL, SUGGESTION_DENIED },                        \
		{ "exact", no_argument, NULL, SUGGESTION_EXACT },                                  \
		{ "user", required_argument, NULL, SUGGESTION_USER },                              \
		{ "users", required_argument, NULL, SUGGESTION_USERS },                            \
		{ "tests", required_argument, NULL, SUGGESTION_TESTS },                            \
	{                                                                                          \
		"json", no_argument, NULL, SUGGESTION_JSON                                         \
	}

/* NULL: it was taken; else what is wrong with it. */
const char *suggestion_option(
	struct suggestion_options *o, struct learned *all, int option, const char *value);

/* Reads what the options name, before anything is learned. -1 and e. */
MUST_USE int suggestion_begin(struct suggestion_options *o, struct err *e);

/* Prints what is made of all, or on standard error why nothing is. The exit status. */
int suggestion_end(struct suggestion_options *o, struct learned *all);

/* Frees what suggestion_begin has read, whatever became of it. */
void suggestion_free(struct suggestion_options *o);

#endif
