#include <stdio.h>

#include "dsp/config/command.h"
#include "dsp/config/config.h"
#include "dsp/core/base/mem.h"
#include "dsp/explain/explain.h"
#include "dsp/protocol/envelope.h"
#include "dsp/system/file.h"

enum { HEADERS_MOST = CLIENT_HEADERS_MOST };

struct arguments {
	const char *method;
	const char *target;
	const char *user;
	const char *body_file;
	const char *request_file;
	const char *as; /* a subject of the policy file */
	struct sources sources;
	bool json;
	const char *headers[HEADERS_MOST + 1]; /* ends with NULL */
	size_t header_count;
};

static int parse_header(struct arguments *a, const char *header)
{
	if (!strchr(header, ':') || header[0] == ':')
		return command_usage("explain", "--header %s: not \"Name: value\"", header);
	if (a->header_count == HEADERS_MOST)
		return command_usage("explain", "more than %d headers", (int)HEADERS_MOST);
	a->headers[a->header_count++] = header;
	return 0;
}

static int parse_option(struct arguments *a, int option)
{
	switch (option) {
	case 'b':
		a->body_file = optarg;
		return 0;
	case 'h':
		return parse_header(a, optarg);
	case 'u':
		a->user = optarg;
		return 0;
	case 'r':
		a->request_file = optarg;
		return 0;
	case 'a':
		a->as = optarg;
		return 0;
	case 'j':
		a->json = true;
		return 0;
	default:
		return sources_parse(&a->sources, option, optarg) ? 0 : EXIT_USAGE;
	}
}

static const struct option options[] = { { "body", required_argument, NULL, 'b' },
	{ "header", required_argument, NULL, 'h' }, { "user", required_argument, NULL, 'u' },
	{ "request", required_argument, NULL, 'r' }, { "as", required_argument, NULL, 'a' },
	SOURCES_OPTIONS, { "json", no_argument, NULL, 'j' }, { NULL, 0, NULL, 0 } };

static int parse_arguments(struct arguments *a, int argc, char **argv)
{
	int o;

	while ((o = command_option(&explain_command, argc, argv)) != -1) {
		if (parse_option(a, o) != 0)
			return EXIT_USAGE;
	}
	if (a->request_file) {
		if (optind != argc || a->body_file || a->header_count > 0 || a->user)
			return command_usage("explain",
				"--request stands alone: its file holds the whole request");
		return 0;
	}
	if (argc - optind != 2)
		return command_usage(
			"explain", "write METHOD and TARGET, such as POST /containers/web/kill");
	a->method = argv[optind];
	a->target = argv[optind + 1];
	return 0;
}

/* The AuthZReq that dockerd would send for METHOD and TARGET. NULL and e: it cannot be made. */
static char *make_question(const struct arguments *a, struct err *e)
{
	struct client_request request = { a->method, a->target, a->user, a->headers, { NULL, 0 },
		false };
	AUTO_MEM char *text = NULL;

	if (a->body_file &&
		file_read(a->body_file, (size_t)ENVELOPE_BODY_MOST, &text, &request.body.n, e) != 0)
		return NULL;
	request.body.s = text;
	request.has_body = text != NULL;
	return simulate_question(&request, e);
}

static int fail(int status, const char *text)
{
	(void)fprintf(stderr, "dsp explain: %s\n", text);
	return status;
}

static int read_and_explain(const struct arguments *a, const struct config *c)
{
	AUTO_MEM char *question = NULL;
	size_t len = 0;
	struct err e;
	int rc;

	if (!a->request_file) {
		question = make_question(a, &e);
		len = question ? strlen(question) : 0;
	} else if (file_read(a->request_file, ENVELOPE_MOST, &question, &len, &e) != 0) {
		return fail(EXIT_USAGE, e.text);
	}
	if (!question)
		return fail(EXIT_USAGE, e.text);
	rc = explain_request(
		&c->policy, (struct question_text){ question, len }, a->as, a->json, &e);
	return rc < 0 ? fail(EXIT_FINDINGS, e.text) : rc;
}

static int run_explain(int argc, char **argv)
{
	struct arguments a = { .method = NULL };
	AUTO_CONFIG struct config *c = NULL;
	struct err e;
	int rc = parse_arguments(&a, argc, argv);

	if (rc != 0)
		return rc;
	if (config_read(&a.sources, &c, &e) != 0)
		return fail(EXIT_BROKEN, e.text);
	return read_and_explain(&a, c);
}

const struct command explain_command = {
	.name = "explain",
	.arguments =
		"METHOD TARGET [--body FILE|-] [--header 'K: V']... [--user NAME|--as USER] [--policy FILE] [--env-file FILE] [--json]",
	.run = run_explain,
	.options = options,
	.summary = "show how dsp parses and decides one request under the current settings",
	.help = "  --body FILE      the body; without --header it is JSON, with its length\n"
		"  --header 'K: V'  a header as the client sends it; may be repeated\n"
		"  --user NAME      the name in the client's TLS certificate\n"
		"  --as USER        decide as for this user of the policy file, or anonymous\n"
		"  --request FILE   read a recorded AuthZReq instead of METHOD and TARGET\n"
		"  --socket PATH    the plugin socket; its file name is the name of the plugin\n"
		"  --policy FILE    the policy file (DSP_POLICY)\n"
		"  --env-file FILE  read the flags from FILE, not from the environment\n"
		"  --managed        decide as the managed plugin, which cannot see mount sources\n"
		"  --json           print JSON\n"
		"\n"
		"Without --body, dsp adds Content-Length: 0, unless a --header has a length or Transfer-Encoding.\n"
		"Status 0: allowed; 1: denied; 78: the settings are broken.\n",
};
