/* dsp-gate: a socket of Docker's whose clients dsp knows: it adds a token to each request. */
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/base/version.h"
#include "dsp/system/activation.h"
#include "dsp/system/file.h"
#include "dsp/system/journal.h"
#include "dsp/system/log.h"
#include "gate_filter.h"
#include "gate_server.h"
#include "request_head.h"

#define DOCKER_SOCKET "/run/docker.sock"

enum { STATUS_USAGE = 2 };

static const char help[] =
	"usage: dsp-gate [--docker PATH] [--token FILE]\n"
	"\n"
	"Passes requests on to dockerd, each with the token of a user of dsp's policy file, so that dsp\n"
	"knows who uses this socket. It listens on the socket of a service manager (LISTEN_FDS):\n"
	"dsp-gate@NAME.socket, as dsp gate add NAME makes it.\n"
	"\n"
	"  --docker PATH  the socket of dockerd's API (default " DOCKER_SOCKET ")\n"
	"  --token FILE   the file with the token (default: token in $CREDENTIALS_DIRECTORY)\n"
	"  --help         print this (-h)\n"
	"  --version      print the version (-V)\n";

static int fail(const struct err *e)
{
	log_fault("%s", e->text);
	return EXIT_FAILURE;
}

/* Reads the one word of a file, whose bytes the caller frees; *token points into them. */
static int read_token(const char *path, char **text, struct span *token, struct err *e)
{
	char room[PATH_MAX / 4];
	struct line l;

	if (!path) {
		/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
		const char *credentials = getenv("CREDENTIALS_DIRECTORY");

		if (!credentials)
			return FAIL(e, 0,
				"no token: neither --token nor $CREDENTIALS_DIRECTORY names a file");
		line_init(&l, room, sizeof(room));
		line_add(&l, "%s/token", credentials);
		path = room;
	}
	if (file_read(path, GATE_TOKEN_MOST, text, &token->n, e) != 0)
		return -1;
	token->s = *text;
	if (span_ends(*token, SPAN("\n")))
		token->n--;
	if (!text_is_word(*token))
		return FAIL(e, 0, "the token is not one word of printable ASCII");
	return 0;
}

static int run(const char *docker, const char *token_file)
{
	AUTO_MEM char *text = NULL;
	struct activation handed;
	struct span token;
	struct err e;
	int handed_over;

	if (journal_has_stderr())
		log_to_journal();
	handed_over = activation_receive(&handed, &e);
	if (handed_over == 0)
		err_set(&e, 0,
			"no socket from a service manager (LISTEN_FDS); start it by "
			"dsp-gate@NAME.socket");
	if (handed_over <= 0 || read_token(token_file, &text, &token, &e) != 0)
		return fail(&e);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL);
	if (gate_filter_install(&e) != 0)
		return fail(&e);
	log_line("dsp-gate " DSP_VERSION " takes clients on %s to dockerd on %s", handed.path,
		docker);
	if (gate_server_run(handed.fd, docker, token, &e) != 0)
		return fail(&e);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "docker", required_argument, NULL, 'd' },
		{ "token", required_argument, NULL, 't' }, { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' }, { NULL, 0, NULL, 0 } };
	const char *docker = DOCKER_SOCKET;
	const char *token_file = NULL;
	int o;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	while ((o = getopt_long(argc, argv, "hV", options, NULL)) != -1) {
		switch (o) {
		case 'd':
			docker = optarg;
			break;
		case 't':
			token_file = optarg;
			break;
		case 'h':
			return fputs(help, stdout) >= 0 && fflush(stdout) == 0 ? EXIT_SUCCESS
									       : EXIT_FAILURE;
		case 'V':
			return puts("dsp-gate " DSP_VERSION) >= 0 && fflush(stdout) == 0
				? EXIT_SUCCESS
				: EXIT_FAILURE;
		default:
			return STATUS_USAGE;
		}
	}
	if (optind < argc) {
		(void)fprintf(
			stderr, "dsp-gate: %s: not expected; dsp-gate --help\n", argv[optind]);
		return STATUS_USAGE;
	}
	return run(docker, token_file);
}
