/* The subcommands. Each gets its own arguments (argv[0] is its name) and returns an exit status. */
#ifndef DSP_CLI_H
#define DSP_CLI_H

#include <stdbool.h>

#include "dsp/core/policy/findings.h"
#include "dsp/core/policy/policy.h"
#include "dsp/core/policy/settings.h"
#include "dsp/daemon/service.h"

enum {
	EXIT_FINE = 0,     /* fine, or allowed */
	EXIT_FINDINGS = 1, /* findings, denied, or a failure at run time */
	EXIT_USAGE = 2,
	EXIT_UNPROTECTED = 3, /* dockerd does not ask this dsp: doctor, status */
	EXIT_BROKEN = 78,     /* the configuration is broken */
};

int cli_serve(int argc, char **argv);
int cli_explain(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_token(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_reload(int argc, char **argv);
int cli_metrics(int argc, char **argv);
int cli_health(int argc, char **argv);
int cli_enable(int argc, char **argv);
int cli_disable(int argc, char **argv);
int cli_who_can(int argc, char **argv);
int cli_test(int argc, char **argv);
int cli_list(int argc, char **argv);
int cli_doctor(int argc, char **argv);
int cli_report(int argc, char **argv);
int cli_suggest(int argc, char **argv);
int cli_watch(int argc, char **argv);
int cli_version(int argc, char **argv);
int cli_help(int argc, char **argv);

/* Prints "dsp COMMAND: what is wrong" and where to find help; returns EXIT_USAGE. */
int cli_usage(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Where the settings come from, as the command line says; each may be NULL. */
struct sources {
	const char *env_file;
	const char *socket;
	const char *policy;
	bool in_force;            /* not only looked at: files that others may write are refused */
	bool managed;             /* as a managed plugin: nothing of the host can be seen */
	char *const *environment; /* of another process; NULL: our own */
	const char *inherited; /* the path of a socket that was handed over: no other is served */
};

/* The options of every command that reads settings, for getopt_long. */
#define SOURCES_OPTIONS                                                                            \
	{ "managed", no_argument, NULL, 'M' }, { "env-file", required_argument, NULL, 'e' },       \
		{ "socket", required_argument, NULL, 's' },                                        \
	{                                                                                          \
		"policy", required_argument, NULL, 'p'                                             \
	}

/* Takes one of these; false: it is another. */
bool sources_take(struct sources *s, int option, const char *value);

/* What the current settings amount to. */
struct config {
	struct snapshot snapshot; /* first: when it is in force, the service knows no more of it */
	struct settings settings;
	char socket[256];
	struct policy policy;
	struct findings findings; /* of the policy file: warnings too */
	char *policy_text;        /* the file, as it is; NULL: there is none */
	char digest[72];          /* "sha256:..." of it, or "-" */
	char env_digest[72];      /* and of the env file */
	struct rules *rules;
};

/*
 * Reads the environment, the env file and the policy file; compiles the policy. On 0 the caller
 * frees *ret with config_free. On -1: e, one line; *ret is there all the same (unless memory ran
 * out: NULL), with socket, deny_when_broken and findings as far as they were read.
 */
MUST_USE int config_read(const struct sources *sources, struct config **ret, struct err *e);

void config_free(struct config *c);

static inline void config_free_auto(struct config **variable)
{
	config_free(*variable);
}
#define AUTO_CONFIG __attribute__((cleanup(config_free_auto)))

/* Reads a file ("-": standard input) of at most `most` bytes; mem_free is for the caller. */
MUST_USE int file_read(const char *path, size_t most, char **ret, size_t *len, struct err *e);

#endif
