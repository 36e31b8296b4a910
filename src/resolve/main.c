/* dsp-resolve: looks up for dspd what a reference means, by one GET on dockerd's API. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "dsp/core/base/version.h"
#include "dsp/system/activation.h"
#include "dsp/system/journal.h"
#include "dsp/system/log.h"
#include "resolve_filter.h"
#include "resolve_server.h"

#define DOCKER_SOCKET "/run/docker.sock"

enum { STATUS_USAGE = 2 };

static const char help[] =
	"usage: dsp-resolve [--docker PATH]\n"
	"\n"
	"Answers dspd what a container, an exec, a network, a volume or an image is, and what dockerd\n"
	"says of itself. It listens on the socket of a service manager (LISTEN_FDS): dsp-resolve.socket.\n"
	"\n"
	"  --docker PATH  the socket of dockerd's API (default " DOCKER_SOCKET ")\n"
	"  --help         print this (-h)\n"
	"  --version      print the version (-V)\n";

static int fail(const struct err *e)
{
	log_fault("%s", e->text);
	return EXIT_FAILURE;
}

static int run(const char *docker)
{
	struct activation handed;
	struct err e;
	int handed_over;

	if (journal_has_stderr())
		log_to_journal();
	handed_over = activation_receive(&handed, &e);
	if (handed_over == 0)
		err_set(&e, 0,
			"no socket from a service manager (LISTEN_FDS); start it by dsp-resolve.socket");
	if (handed_over <= 0)
		return fail(&e);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL);
	if (resolve_filter_install(&e) != 0)
		return fail(&e);
	log_line("dsp-resolve " DSP_VERSION " answers dspd on %s, and asks dockerd on %s",
		handed.path, docker);
	if (resolve_server_run(handed.fd, docker, &e) != 0)
		return fail(&e);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "docker", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 } };
	const char *docker = DOCKER_SOCKET;
	int o;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	while ((o = getopt_long(argc, argv, "hV", options, NULL)) != -1) {
		switch (o) {
		case 'd':
			docker = optarg;
			break;
		case 'h':
			return fputs(help, stdout) >= 0 && fflush(stdout) == 0 ? EXIT_SUCCESS
									       : EXIT_FAILURE;
		case 'V':
			return puts("dsp-resolve " DSP_VERSION) >= 0 && fflush(stdout) == 0
				? EXIT_SUCCESS
				: EXIT_FAILURE;
		default:
			return STATUS_USAGE;
		}
	}
	if (optind < argc) {
		(void)fprintf(stderr, "dsp-resolve: %s: not expected; dsp-resolve --help\n",
			argv[optind]);
		return STATUS_USAGE;
	}
	return run(docker);
}
