/* What the programs' commands share: exit statuses, and what is said of wrong usage. */
#ifndef DSP_COMMAND_H
#define DSP_COMMAND_H

enum {
	EXIT_FINE = 0,     /* fine, or allowed */
	EXIT_FINDINGS = 1, /* findings, denied, or a failure at run time */
	EXIT_USAGE = 2,
	EXIT_UNPROTECTED = 3, /* dockerd does not ask this dsp: doctor, status */
	EXIT_BROKEN = 78,     /* the configuration is broken */
};

/* The commands of dsp. Each gets its own arguments (argv[0] is its name). */
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

#endif
