/* dspd: the options of the command line. */
#include <getopt.h>
#include <stdio.h>

#include "dsp/config/command.h"
#include "dsp/config/config.h"
#include "dsp/core/base/version.h"
#include "serve.h"

static const char help[] =
	"usage: dspd [--socket PATH] [--env-file FILE] [--policy FILE] [--managed]\n"
	"answer dockerd's questions on the plugin socket\n"
	"\n"
	"  --socket PATH    the plugin socket (DSP_SOCKET; default " SETTINGS_SOCKET ")\n"
	"  --env-file FILE  take the flags from FILE (NAME=value lines), not from the environment\n"
	"  --policy FILE    the policy file: users, rules (DSP_POLICY)\n"
	"  --managed        as a managed plugin, which starts as root: give up all rights once\n"
	"                   the socket is bound, and look up no mount sources\n"
	"  --help           print this (-h)\n"
	"  --version        print the version (-V)\n"
	"\n"
	"A socket that a service manager hands over (LISTEN_FDS) is served in place of one of its own.\n"
	"SIGHUP reads env file and policy file anew; an error keeps the old settings.\n"
	"SIGTERM and SIGINT finish the calls in hand and end it. A wrong setting ends the start with\n"
	"status 78, or with DSP_ON_BROKEN=deny serves, and denies everything.\n";

static int usage(const char *argument, const char *why)
{
	(void)fprintf(stderr, "dspd: %s: %s\nsee: dspd --help\n", argument, why);
	return EXIT_USAGE;
}

static int print(const char *text)
{
	return fputs(text, stdout) == EOF || fflush(stdout) != 0 ? EXIT_FINDINGS : EXIT_FINE;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { SOURCES_OPTIONS,
		{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 } };
	struct sources sources = { .in_force = true };
	int o;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	while ((o = getopt_long(argc, argv, ":hV", options, NULL)) != -1) {
		if (o == 'h')
			return print(help);
		if (o == 'V')
			return print("dspd " DSP_VERSION "\n");
		if (!sources_parse(&sources, o, optarg))
			return usage(argv[optind - 1], "unknown, or its value is missing");
	}
	if (optind < argc)
		return usage(argv[optind], "not expected");
	return serve(&sources);
}
