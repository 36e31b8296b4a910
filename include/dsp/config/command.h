/* What commands are, and what they share: exit statuses, and the message for wrong usage. */
#ifndef DSP_COMMAND_H
#define DSP_COMMAND_H

enum {
	EXIT_FINE = 0,     /* fine, or allowed */
	EXIT_FINDINGS = 1, /* findings, denied, or a failure at run time */
	EXIT_USAGE = 2,
	EXIT_UNPROTECTED = 3, /* dockerd does not ask this dsp: doctor, status */
	EXIT_BROKEN = 78,     /* the configuration is broken */
};

/* A command of dsp. Its options, its help and what it does stand in one file. */
struct command {
	const char *name;
	const char *arguments; /* its usage, behind the name */
	/* Gets the command's own arguments (argv[0] is its name); returns an exit status. */
	int (*run)(int argc, char **argv);
	const char *summary; /* one line of dsp help */
	const char *help;    /* options and what else is to know: lines that end with \n */
};

extern const struct command explain_command;
extern const struct command check_command;
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

/*
 * The plugin socket of the dspd that a command talks to: what its --socket says (NULL: it has
 * none), else DSP_SOCKET, else the usual one.
 */
const char *command_socket(const char *option);

/* Prints "dsp COMMAND: what is wrong" and where to find help; returns EXIT_USAGE. */
int command_usage(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
