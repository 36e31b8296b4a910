#include <stdio.h>

#include "dsp/config/command.h"
#include "dsp/core/base/mem.h"
#include "dsp/dockerd/installed_settings.h"
#include "dsp/explain/explain.h"
#include "dsp/explain/explain_client.h"
#include "dsp/protocol/envelope.h"
#include "dsp/system/file.h"
#include "explain_line.h"

enum { HEADERS_MOST = CLIENT_HEADERS_MOST };

struct arguments {
	const char *method;
	const char *target;
	const char *user;
	const char *body_file;
	const char *request_file;
	const char *as;      /* a subject of the policy file */
	const char *objects; /* what the things are that it names, as JSON */
	const char *logged;  /* a line of an audit log, its id, or "-" */
	char **client;       /* a program with its arguments, ends with NULL */
	char *log;           /* the audit log that has it; NULL: that of this host */
	struct settings_choice settings;
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
	case 'l':
		a->log = optarg;
		return 0;
	case 't':
		a->objects = optarg;
		return 0;
	case 'j':
		a->json = true;
		return 0;
	default:
		return settings_choice_parse(&a->settings, option, optarg) ? 0 : EXIT_USAGE;
	}
}

static const struct option options[] = { { "body", required_argument, NULL, 'b' },
	{ "header", required_argument, NULL, 'h' }, { "user", required_argument, NULL, 'u' },
	{ "request", required_argument, NULL, 'r' }, { "as", required_argument, NULL, 'a' },
	{ "log", required_argument, NULL, 'l' }, { "target", required_argument, NULL, 't' },
	SETTINGS_OPTIONS, { "json", no_argument, NULL, 'j' }, { NULL, 0, NULL, 0 } };

/* Whether an option gives a part of a request. */
static bool has_parts(const struct arguments *a)
{
	return a->body_file || a->header_count > 0 || a->user;
}

/* One word: a line of an audit log, an id as "661260842fa7e-2", or "-". */
static int parse_logged(struct arguments *a, const char *word)
{
	size_t n = strspn(word, "0123456789abcdef");
	bool id = n > 0 && word[n] == '-' &&
		word[n + 1 + strspn(word + n + 1, "0123456789")] == '\0';

	if (word[0] != '{' && !id && strcmp(word, "-") != 0)
		return command_usage("explain",
			"%s: not the id of a line of the audit log; or write METHOD and TARGET, "
			"such as POST /containers/web/kill",
			word);
	if (has_parts(a) || a->objects)
		return command_usage("explain", "a line of the audit log holds the whole request");
	a->logged = word;
	return 0;
}

/* All behind the first "--" is the client's, its options too. Returns how many words are ours. */
static int cut_client(struct arguments *a, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") != 0)
			continue;
		a->client = argv + i + 1;
		argv[i] = NULL;
		return i;
	}
	return argc;
}

/* The words that are no options: METHOD and TARGET, or what stands in their place. */
static int parse_words(struct arguments *a, int count, char **words)
{
	if (a->client) {
		if (a->client[0] && count == 0 && !has_parts(a) && !a->log && !a->objects)
			return 0;
		return command_usage("explain",
			"behind -- stands a client alone, such as docker run nginx; before it no METHOD "
			"and TARGET");
	}
	if (count == 1)
		return parse_logged(a, words[0]);
	if (count != 2)
		return command_usage("explain",
			"write METHOD and TARGET, such as POST /containers/web/kill, or the id of a line "
			"of the audit log");
	if (a->log)
		return command_usage("explain", "--log is for the id of a line of that log");
	a->method = words[0];
	a->target = words[1];
	return 0;
}

static int parse_arguments(struct arguments *a, int argc, char **argv)
{
	int o;

	argc = cut_client(a, argc, argv);
	while ((o = command_option(&explain_command, argc, argv)) != -1) {
		if (parse_option(a, o) != 0)
			return EXIT_USAGE;
	}
	if (!a->request_file)
		return parse_words(a, argc - optind, argv + optind);
	if (optind != argc || has_parts(a) || a->client)
		return command_usage(
			"explain", "--request stands alone: its file holds the whole request");
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

static int read_and_explain(const struct arguments *a, const struct installed_settings *s)
{
	AUTO_MEM char *question = NULL;
	struct target_objects *objects = NULL;
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
	if (a->objects && target_objects_parse(span_of(a->objects), &objects, &e) != 0)
		return command_usage("explain", "--target: %s", e.text);
	rc = explain_request(
		s, &(struct simulated_question){ question, len, a->as, objects }, a->json, &e);
	target_objects_free(objects);
	return rc < 0 ? fail(EXIT_FINDINGS, e.text) : rc;
}

static int find_logged(const struct arguments *a, const struct audit_logs *logs,
	struct logged_decision *d, struct err *e)
{
	if (a->logged[0] == '{')
		return logged_decision_parse("the line", a->logged, logs, d, e);
	return logged_decision_find(logs, strcmp(a->logged, "-") == 0 ? NULL : a->logged, d, e);
}

/* s: NULL if the settings are broken or closed, for the reason; else reason is not set. */
static int explain_logged(
	const struct arguments *a, const struct installed_settings *s, struct err *reason)
{
	static char standard_input[] = "-";
	char *path = strcmp(a->logged, "-") == 0 ? standard_input : a->log;
	struct audit_logs logs = { .paths = &path, .count = path ? 1 : 0 };
	struct logged_decision d;
	char where[400];
	struct err e;
	int rc = find_logged(a, &logs, &d, &e);

	if (rc > 0) {
		rc = logged_decision_explain(&d, s, a->as, a->json, reason);
		e = *reason;
	} else if (rc == 0) {
		audit_logs_where(&logs, where, sizeof(where));
		rc = FAIL(&e, 0, "%s has no decision%s%s; --log FILE names another audit log",
			where, path == standard_input ? "" : " ",
			path == standard_input ? "" : a->logged);
	}
	if (rc == 0 && d.others > 0)
		(void)fprintf(stderr, "dsp explain: the first of %u decisions\n", d.others + 1);
	logged_decision_free(&d);
	return rc == 0 ? EXIT_FINE : fail(EXIT_FINDINGS, e.text);
}

static int run_explain(int argc, char **argv)
{
	struct arguments a = { .method = NULL };
	AUTO_SETTINGS struct installed_settings *s = NULL;
	struct err e = { .code = 0 };
	int rc = parse_arguments(&a, argc, argv);

	if (rc != 0)
		return rc;
	if (a.logged) {
		enum settings_result known = installed_settings_read(&a.settings, &s, &e);

		return explain_logged(&a, known == SETTINGS_VALID ? s : NULL, &e);
	}
	rc = installed_settings_open("explain", &a.settings, &s);
	if (rc != 0 || !a.client)
		return rc != 0 ? rc : read_and_explain(&a, s);
	rc = explain_client(s, a.client, a.as, a.json, &e);
	return rc < 0 ? fail(EXIT_USAGE, e.text) : rc;
}

const struct command explain_command = {
	.name = "explain",
	.arguments =
		"METHOD TARGET [--body FILE|-] [--header 'K: V']... [--user NAME|--as USER] [--target JSON] [--policy FILE] [--env-file FILE] [--no-config] [--json] | ID|LINE|- [--log FILE] [--as USER] [--json] | [--as USER] [--json] -- CLIENT [ARGUMENT]...",
	.run = run_explain,
	.options = options,
	.summary = "show how dsp decides a request, one of the audit log, or those of a client",
	.help = "  --body FILE      the body; without --header it is JSON, with its length\n"
		"  --header 'K: V'  a header as the client sends it; may be repeated\n"
		"  --user NAME      the name in the client's TLS certificate\n"
		"  --as USER        decide as for this user of the policy file, or anonymous\n"
		"  --request FILE   read a recorded AuthZReq instead of METHOD and TARGET\n"
		"  --target JSON    what the containers, networks and volumes are that the request names:\n"
		"                   {\"name\":\"web\",\"owner\":\"bob\",\"labels\":{\"a\":\"b\"},\"image\":\"nginx\"},\n"
		"                   or a list of such, with kind (container, network, volume), ref (as\n"
		"                   the request names it) and command (a list of words: what it runs);\n"
		"                   {\"missing\":true}: there is none\n"
		"  --log FILE       the audit log that has ID (default: that of this host)\n"
		"  --socket PATH    the socket of the dspd to ask; its file name is the name of the plugin\n"
		"  --policy FILE    this policy file in place of the installed one\n"
		"  --env-file FILE  this env file in place of the installed one\n"
		"  --no-config      this shell's environment in place of the installed dsp's settings\n"
		"  --managed        decide as the managed plugin, which cannot see mount sources\n"
		"  --json           print JSON\n"
		"\n"
		"Without --body, dsp adds Content-Length: 0, unless a --header has a length or Transfer-Encoding.\n"
		"Status 0: allowed; 1: denied; 2: this user cannot read the installed settings; 78: they are broken.\n"
		"\n"
		"ID is the id of a line of the audit log (the reference of a denial), LINE is a whole\n"
		"line, - reads lines and explains the first decision: who asked for what, what decided,\n"
		"what would allow it, how it ended, and what the settings of today decide.\n"
		"Status 0: explained; 1: no such line, and where dsp looked for it.\n"
		"\n"
		"CLIENT is a program such as docker, docker compose or a script. It runs without a network\n"
		"and without this host's sockets; DOCKER_HOST leads it to dsp, which answers in dockerd's\n"
		"place: every image is there, nothing else but what the client makes. Nothing reaches\n"
		"Docker. Denied requests get the denial; what dsp cannot act out gets status 501.\n"
		"Status 0: each request would be allowed; 1: one would be denied, or there was none; 2: the\n"
		"client did not run; 78: the settings are broken.\n",
};
