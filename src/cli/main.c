/* dsp, the tool: its table of commands, and the two that explain it. */
#include <stdio.h>
#include <string.h>

#include "dsp/config/command.h"
#include "dsp/core/base/version.h"

static int run_version(int argc, char **argv);
static int run_help(int argc, char **argv);

static const struct command version_command = {
	.name = "version",
	.arguments = "",
	.run = run_version,
	.summary = "print the version",
	.help = "",
};

static const struct command help_command = {
	.name = "help",
	.arguments = "[COMMAND]",
	.run = run_help,
	.summary = "explain a command",
	.help = "",
};

static const struct command *const commands[] = {
	&explain_command,
	&check_command,
	&list_command,
	&who_can_command,
	&test_command,
	&suggest_command,
	&watch_command,
	&status_command,
	&reload_command,
	&metrics_command,
	&health_command,
	&doctor_command,
	&report_command,
	&token_command,
	&enable_command,
	&disable_command,
	&version_command,
	&help_command,
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

static void print_overview(FILE *to)
{
	(void)fprintf(to, "dsp: a Docker authorization plugin. Usage:\n");
	for (size_t i = 0; i < COMMANDS; i++)
		(void)fprintf(to, "  dsp %-8s %s\n", commands[i]->name, commands[i]->summary);
	(void)fprintf(to, "dsp help COMMAND tells more.\n");
}

static int run_version(int argc, char **argv)
{
	if (argc > 1)
		return command_usage("version", "%s: not expected", argv[1]);
	(void)printf("dsp %s\n", DSP_VERSION);
	return EXIT_FINE;
}

static int run_help(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2) {
		print_overview(stdout);
		return EXIT_FINE;
	}
	c = find(argv[1]);
	if (!c || argc > 2)
		return command_usage("help", "%s: no such command", argv[argc - 1]);
	(void)printf("usage: dsp %s %s\n%s\n%s%s", c->name, c->arguments, c->summary,
		c->help[0] ? "\n" : "", c->help);
	return EXIT_FINE;
}

int main(int argc, char **argv)
{
	const struct command *c = NULL;

	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return run_help(1, argv);
	if (argc >= 2 && strcmp(argv[1], "--version") == 0)
		return run_version(1, argv);
	if (argc >= 2)
		c = find(argv[1]);
	if (!c) {
		if (argc >= 2)
			(void)fprintf(stderr, "dsp: %s: no such command\n", argv[1]);
		print_overview(stderr);
		return EXIT_USAGE;
	}
	if (argc == 3 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0))
		return run_help(2, argv);
	/* Output that could not be written is a failure: it may be a check's result. */
	int status = c->run(argc - 1, argv + 1);

	if (fflush(stdout) != 0 && status == EXIT_FINE)
		status = EXIT_FINDINGS;
	return status;
}
