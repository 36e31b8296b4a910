/* dsp, the tool: its table of commands, and the two that explain it. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dsp/config/command.h"
#include "dsp/config/output.h"
#include "dsp/core/base/nearest.h"
#include "dsp/core/base/version.h"

static int run_version(int argc, char **argv);
static int run_help(int argc, char **argv);

static const struct option version_options[] = { { "json", no_argument, NULL, 'j' },
	{ NULL, 0, NULL, 0 } };

static const struct command version_command = {
	.name = "version",
	.arguments = "[--json]",
	.run = run_version,
	.options = version_options,
	.summary = "print the version of dsp",
	.help = "  --json  print JSON\n",
};

static const struct command help_command = {
	.name = "help",
	.arguments = "[COMMAND]",
	.run = run_help,
	.summary = "explain a command",
	.help = "",
};

/* The commands by what people want to do. */
static const struct group {
	const char *title;
	const struct command *commands[12]; /* ends with NULL */
} groups[] = {
	{ "Set up", { &enable_command, &disable_command, &gate_command, &doctor_command } },
	{ "Write rules",
		{ &check_command, &explain_command, &test_command, &who_can_command,
			&allowed_command, &diff_command, &suggest_command, &import_command,
			&list_command, &token_command } },
	{ "Look",
		{ &status_command, &watch_command, &report_command, &metrics_command,
			&health_command } },
	{ "Allow for a while", { &allow_command, &grants_command, &revoke_command } },
	{ "Answer requests", { &pending_command, &approve_command, &refuse_command } },
	{ "Other", { &own_command, &reload_command, &version_command, &help_command } },
};

/* Commands that other tools have, or that people try: what dsp has in their place. */
static const struct guess {
	const char *word;
	const char *command;
} guesses[] = {
	{ "add", "enable" },
	{ "analyze", "report" },
	{ "audit", "report" },
	{ "can", "who-can" },
	{ "may", "allowed" },
	{ "permissions", "allowed" },
	{ "grant", "allow" },
	{ "permit", "allow" },
	{ "deny", "revoke" },
	{ "ungrant", "revoke" },
	{ "socket", "gate" },
	{ "proxy", "gate" },
	{ "owner", "own" },
	{ "chown", "own give" },
	{ "rights", "allowed" },
	{ "can-i", "who-can" },
	{ "config", "check" },
	{ "convert", "import" },
	{ "debug", "doctor" },
	{ "compare", "diff" },
	{ "events", "watch" },
	{ "flags", "list flags" },
	{ "generate", "suggest" },
	{ "init", "enable" },
	{ "install", "enable" },
	{ "learn", "suggest" },
	{ "lint", "check" },
	{ "logs", "watch" },
	{ "ls", "list" },
	{ "migrate", "import" },
	{ "operations", "list operations" },
	{ "policy", "check" },
	{ "powers", "list powers" },
	{ "profiles", "list profiles" },
	{ "ps", "status" },
	{ "remove", "disable" },
	{ "restart", "reload" },
	{ "serve", "dspd" },
	{ "setup", "enable" },
	{ "show", "status" },
	{ "simulate", "explain" },
	{ "start", "enable" },
	{ "stats", "metrics" },
	{ "stop", "disable" },
	{ "tail", "watch" },
	{ "top", "watch" },
	{ "uninstall", "disable" },
	{ "validate", "check" },
	{ "verify", "check" },
	{ "why", "explain" },
};

enum {
	GROUPS = sizeof(groups) / sizeof(groups[0]),
	GUESSES = sizeof(guesses) / sizeof(guesses[0]),
};

static const struct command *find(const char *name)
{
	for (size_t g = 0; g < GROUPS; g++) {
		for (const struct command *const *c = groups[g].commands; *c; c++) {
			if (strcmp((*c)->name, name) == 0)
				return *c;
		}
	}
	return NULL;
}

/* The command that a word may be meant for: one that it begins, or the nearest; else empty. */
static struct span nearest_command(struct span word)
{
	struct nearest near = nearest_to(word, 0);

	for (size_t g = 0; g < GROUPS; g++) {
		for (const struct command *const *c = groups[g].commands; *c; c++) {
			struct span name = span_of((*c)->name);

			if (word.n > 2 && span_starts(name, word))
				return name;
			nearest_try(&near, name);
		}
	}
	return near.word;
}

/* Prints that there is no such command, and which one may be meant. */
static int report_unknown(const char *word)
{
	struct span meant = { NULL, 0 };

	for (size_t i = 0; i < GUESSES; i++) {
		if (strcmp(guesses[i].word, word) == 0)
			meant = span_of(guesses[i].command);
	}
	if (meant.n == 0)
		meant = nearest_command(span_of(word));
	(void)fprintf(stderr, "dsp: no %s \"%s\"; ", word[0] == '-' ? "option" : "command", word);
	if (meant.n > 0)
		(void)fprintf(stderr, "did you mean \"%.*s\"?\n", (int)meant.n, meant.s);
	else
		(void)fprintf(stderr, "see: dsp help\n");
	return EXIT_USAGE;
}

static void print_overview(void)
{
	(void)printf("usage: dsp COMMAND [OPTION]...\n");
	output_wrapped(0,
		"dsp sets up the Docker authorization plugin dspd, shows its state and explains its decisions.");
	for (size_t g = 0; g < GROUPS; g++) {
		(void)printf("\n%s:\n", groups[g].title);
		for (const struct command *const *c = groups[g].commands; *c; c++) {
			(void)printf("  %-8s ", (*c)->name);
			output_wrapped(strlen("  disable  "), (*c)->summary);
		}
	}
	(void)printf("\n");
	output_wrapped(
		0, "Every command has --help (-h), --version (-V) and --color=auto|always|never.");
	output_wrapped(0, "\"dsp help COMMAND\" explains a command.");
}

static int run_version(int argc, char **argv)
{
	json_auto_t *json = json_pack("{s:s}", "version", DSP_VERSION);
	bool as_json = false;
	int o;

	while ((o = command_option(&version_command, argc, argv)) != -1) {
		if (o != 'j')
			return EXIT_USAGE;
		as_json = true;
	}
	if (optind < argc)
		return command_usage("version", "%s: not expected", argv[optind]);
	if (as_json)
		output_json(json);
	else
		(void)printf("dsp %s\n", DSP_VERSION);
	return EXIT_FINE;
}

static int run_help(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2) {
		print_overview();
		return EXIT_FINE;
	}
	if (argc > 2)
		return command_usage("help", "%s: not expected", argv[2]);
	c = find(argv[1]);
	if (!c)
		return report_unknown(argv[1]);
	command_print_help(c);
	return EXIT_FINE;
}

/* The first word that is no option: the name of a command. */
static const struct command *find_named(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] != '-')
			return find(argv[i]);
	}
	return NULL;
}

static int run(const struct command *c, int argc, char **argv)
{
	enum command_shared shared = command_shared_options(c, &argc, argv);

	if (shared == SHARED_WRONG)
		return EXIT_USAGE;
	if (shared == SHARED_VERSION)
		return run_version(1, argv);
	if (argc < 2 && shared == SHARED_HELP)
		return run_help(1, argv);
	if (argc < 2) {
		/* Nothing was printed before; an error goes to standard error. */
		(void)dup2(STDERR_FILENO, STDOUT_FILENO);
		print_overview();
		return EXIT_USAGE;
	}
	/* An option may not stand before the command. */
	c = find(argv[1]);
	if (!c)
		return report_unknown(argv[1]);
	if (shared == SHARED_HELP && c != &help_command) {
		command_print_help(c);
		return EXIT_FINE;
	}
	return c->run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	const struct command *c = find_named(argc, argv);

	return command_end(c ? c->name : "help", run(c, argc, argv));
}
