/* The subcommands. Each gets its own arguments (argv[0] is its name) and returns an exit status. */
#ifndef DSP_CLI_H
#define DSP_CLI_H

#include <stdbool.h>

#include "dsp/policy.h"
#include "dsp/settings.h"

enum {
	EXIT_FINE = 0,     /* fine, or allowed */
	EXIT_FINDINGS = 1, /* findings, denied, or a failure at run time */
	EXIT_USAGE = 2,
	EXIT_BROKEN = 78, /* the configuration is broken */
};

int cli_serve(int argc, char **argv);
int cli_explain(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_list(int argc, char **argv);
int cli_version(int argc, char **argv);
int cli_help(int argc, char **argv);

/* Prints "dsp COMMAND: what is wrong" and where to find help; returns EXIT_USAGE. */
int cli_usage(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What the current settings amount to. */
struct config {
	struct settings settings;
	char socket[256];
	struct policy policy;
};

/*
 * Reads the environment and, when it is not NULL, the env file; compiles the policy. socket: of
 * the command line, or NULL. On 0 the caller frees *ret with mem_free. On -1: e, one line; *ret
 * is there all the same (unless memory ran out: NULL), with socket and deny_when_broken as far as
 * they were read.
 */
MUST_USE int config_read(
	const char *env_file, const char *socket, struct config **ret, struct err *e);

/* Reads a file ("-": standard input) of at most `most` bytes; mem_free is for the caller. */
MUST_USE int file_read(const char *path, size_t most, char **ret, size_t *len, struct err *e);

#endif
