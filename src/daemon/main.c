/* dspd: the options of the command line. */
#include <stdio.h>

#include "dsp/config/command.h"
#include "dsp/config/config.h"
#include "dsp/core/base/version.h"
#include "serve.h"

static int run_daemon(int argc, char **argv);

static const struct option options[] = { SOURCES_OPTIONS, { NULL, 0, NULL, 0 } };

static const struct command dspd_command = {
	.name = "dspd",
	.arguments = "[--socket PATH] [--env-file FILE] [--policy FILE] [--managed]",
	.run = run_daemon,
	.options = options,
	.summary = "the daemon: allows or denies the requests that dockerd asks it about",
	.help = "  --socket PATH    the plugin socket (DSP_SOCKET; default " SETTINGS_SOCKET ")\n"
		"  --env-file FILE  read the flags from FILE (NAME=value lines), not from the environment\n"
		"  --policy FILE    the policy file: users, rules (DSP_POLICY)\n"
		"  --managed        as a managed plugin, which starts as root: drop all privileges when\n"
		"                   the socket is bound, and look up no mount sources\n"
		"  --help           print this (-h)\n"
		"  --version        print the version (-V)\n"
		"\n"
		"dspd listens on the socket of a service manager (LISTEN_FDS) instead of its own, if there is one.\n"
		"SIGHUP makes it read env file and policy file again; if they are wrong, the old settings stay.\n"
		"SIGTERM and SIGINT end it, after the requests in hand. With broken settings it does not start\n"
		"(status 78), or, with DSP_ON_BROKEN=deny, it runs and denies every request.\n",
};

static int run_daemon(int argc, char **argv)
{
	struct sources sources = { .in_force = true };
	int o;

	while ((o = command_option(&dspd_command, argc, argv)) != -1) {
		if (!sources_parse(&sources, o, optarg))
			return EXIT_USAGE;
	}
	if (optind < argc)
		return command_usage(dspd_command.name, "%s: not expected", argv[optind]);
	return serve(&sources);
}

int main(int argc, char **argv)
{
	switch (command_shared_options(&dspd_command, &argc, argv)) {
	case SHARED_HELP:
		command_print_help(&dspd_command);
		return command_end(dspd_command.name, EXIT_FINE);
	case SHARED_VERSION:
		(void)printf("dspd " DSP_VERSION "\n");
		return command_end(dspd_command.name, EXIT_FINE);
	case SHARED_WRONG:
		return EXIT_USAGE;
	case SHARED_NOTHING:
		break;
	}
	return dspd_command.run(argc, argv);
}
