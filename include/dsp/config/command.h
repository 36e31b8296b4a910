/* What commands are and share: exit statuses, options, help, the message for wrong use. */
#ifndef DSP_COMMAND_H
#define DSP_COMMAND_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

#include "dsp/core/base/err.h"

enum {
	EXIT_FINE = 0,     /* fine, or allowed */
	EXIT_FINDINGS = 1, /* findings, denied, or a failure at run time */
	EXIT_USAGE = 2,
	EXIT_UNPROTECTED = 3, /* dockerd does not ask this dsp: doctor, status */
	EXIT_BROKEN = 78,     /* the configuration is broken */
};

/* A command of dsp, or dspd. Its options, its help and what it does stand in one file. */
struct command {
	const char *name;
	const char *arguments; /* its usage, behind the name */
	/* Gets the command's own arguments (argv[0] is its name); returns an exit status. */
	int (*run)(int argc, char **argv);
	const struct option *options; /* without the shared ones; NULL: none */
	const char *summary;          /* one line of dsp help */
	const char *help;             /* options and what else is to know: lines that end with \n */
};

extern const struct command explain_command;
extern const struct command allowed_command;
extern const struct command check_command;
extern const struct command diff_command;
extern const struct command list_command;
extern const struct command who_can_command;
extern const struct command test_command;
extern const struct command suggest_command;
extern const struct command watch_command;
extern const struct command status_command;
extern const struct command reload_command;
extern const struct command metrics_command;
extern const struct command health_command;
extern const struct command doctor_command;
extern const struct command report_command;
extern const struct command token_command;
extern const struct command enable_command;
extern const struct command disable_command;
extern const struct command import_command;
extern const struct command gate_command;
extern const struct command own_command;
extern const struct command allow_command;
extern const struct command grants_command;
extern const struct command revoke_command;
extern const struct command pending_command;
extern const struct command approve_command;
extern const struct command refuse_command;

/* What the options that every command has ask for. */
enum command_shared { SHARED_NOTHING, SHARED_HELP, SHARED_VERSION, SHARED_WRONG };

/*
 * Obeys --color=WHEN, and takes it, -h, --help, -V and --version out of argv, wherever they stand
 * before "--". c: the command, whose options may have such words as values; NULL: not known.
 * SHARED_WRONG: the value of --color is wrong, and the message is printed.
 */
enum command_shared command_shared_options(const struct command *c, int *argc, char **argv);

/*
 * The next option of a command, as getopt_long returns it, with optarg and optind; -1: no more. 'o'
 * is an option "output" and the letter.
 * '?': it is unknown, or its value is missing or not expected; the message is printed.
 */
int command_option(const struct command *c, int argc, char **argv);

/* Prints the help of a command on standard output. */
void command_print_help(const struct command *c);

/*
 * Flushes standard output, and reports on standard error if any of it could not be written. Returns
 * status, or EXIT_FINDINGS in place of EXIT_FINE. name: of the command.
 */
int command_end(const char *name, int status);

/* dsp's socket: what --socket says (NULL: there is none), else DSP_SOCKET, else the usual one. */
const char *command_socket(const char *option);

/* The same; if none is named and the usual one does not exist, the socket of a managed dsp. */
const char *command_running_socket(const char *option);

/*
 * The socket of a managed plugin with this socket name ("dsp"): in a directory that its id names.
 * Returns how many there are, and writes the first one to out.
 */
int command_managed_socket(const char *name, char *out, size_t cap);

/* What to do if dspd cannot be reached for this error, to be printed behind its text; or "". */
const char *command_hint(const struct err *e);

/* Prints "dsp COMMAND: " and e with its hint, as JSON too if json; returns EXIT_FINDINGS. */
int command_failed(const char *command, bool json, const struct err *e);

/* Prints "dsp COMMAND: what is wrong" and where to find help; returns EXIT_USAGE. */
int command_usage(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
