/* What is asked of a dsp that serves: its state, and to read its settings again. */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "dsp/cli.h"
#include "dsp/clock.h"
#include "dsp/mem.h"

enum { WAIT_MS = 5000, REPLY_MOST = 16 << 10 };

struct arguments {
	const char *command;
	const char *socket;
	bool json;
};

static int connect_to(const char *path, struct err *e)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t n = strlen(path);
	int fd;

	if (n >= sizeof(address.sun_path))
		return FAIL(e, 0, "%.80s...: too long for a socket's path", path);
	memcpy(address.sun_path, path, n);
	/* Not blocking: a server that accepts nobody is no reason to wait for ever. */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return FAIL(e, errno, "%s", path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	err_set(e, errno, "%s: no dsp can be reached", path);
	(void)close(fd);
	return -1;
}

/* Whether fd is ready for events in time; else errno says why not. */
static bool is_ready(int fd, short events, uint64_t until)
{
	struct pollfd p = { .fd = fd, .events = events };
	int rc;

	do {
		rc = poll(&p, 1, clock_earlier(WAIT_MS, clock_now(), until));
	} while (rc < 0 && errno == EINTR);
	if (rc == 0)
		errno = ETIMEDOUT;
	return rc > 0;
}

/* Everything until the other side closes; the number of bytes, or -1 and errno. */
static ssize_t read_reply(int fd, char *out, size_t cap, uint64_t until)
{
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && len < cap) {
		if (!is_ready(fd, POLLIN, until))
			return -1;
		n = read(fd, out + len, cap - len);
		if (n < 0)
			return -1;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/* The status of the reply and its JSON; NULL: it is none of dsp's. */
static json_t *parse_reply(const char *text, size_t n, int *status)
{
	const char *body = memmem(text, n, "\r\n\r\n", strlen("\r\n\r\n"));
	json_t *o;

	if (!body || n < strlen("HTTP/1.1 200") || memcmp(text, "HTTP/1.1 ", 9) != 0)
		return NULL;
	body += strlen("\r\n\r\n");
	*status = (text[9] - '0') * 100 + (text[10] - '0') * 10 + (text[11] - '0');
	o = json_loadb(body, n - (size_t)(body - text), 0, NULL);
	if (json_is_object(o))
		return o;
	json_decref(o);
	return NULL;
}

/* Posts to an endpoint; what it answers, and with which status. NULL and e. */
static json_t *ask(const char *socket, const char *endpoint, int *status, struct err *e)
{
	uint64_t until = clock_now() + WAIT_MS;
	AUTO_MEM char *reply = mem_alloc(REPLY_MOST);
	json_t *o = NULL;
	char request[160];
	ssize_t n = snprintf(request, sizeof(request),
		"POST %s HTTP/1.1\r\nHost: dsp\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
		endpoint);
	int fd = reply ? connect_to(socket, e) : FAIL(e, ENOMEM, "a reply");

	if (fd < 0)
		return NULL;
	/* So few bytes find room in a fresh socket. */
	if (send(fd, request, (size_t)n, MSG_NOSIGNAL) == n)
		n = read_reply(fd, reply, REPLY_MOST, until);
	else
		n = -1;
	if (n < 0)
		err_set(e, errno, "%s: no answer", socket);
	else if (!(o = parse_reply(reply, (size_t)n, status)))
		err_set(e, 0, "%s: what answers there is not dsp", socket);
	(void)close(fd);
	return o;
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "?";
}

static void print_state(const json_t *o)
{
	const char *policy = text_of(o, "policy");

	if (strcmp(text_of(o, "mode"), "monitor") == 0)
		(void)printf("MONITOR MODE: denials are only recorded, and everything that they "
			     "would stop is allowed\n");
	if (json_is_true(json_object_get(o, "broken")))
		(void)printf("BROKEN SETTINGS: everything is denied; the log says why\n");
	(void)printf("generation  %lld\n",
		(long long)json_integer_value(json_object_get(o, "generation")));
	(void)printf("policy      %s\n", strcmp(policy, "-") == 0 ? "none" : policy);
	(void)printf("profile     %s\n", text_of(o, "profile"));
	(void)printf("mode        %s\n", text_of(o, "mode"));
	(void)printf(
		"rules       %lld\n", (long long)json_integer_value(json_object_get(o, "rules")));
}

static int fail(const struct arguments *a, const char *text)
{
	json_auto_t *o = a->json ? json_pack("{s:s}", "error", text) : NULL;

	if (a->json) {
		(void)json_dumpf(o, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
		(void)printf("\n");
	}
	(void)fprintf(stderr, "dsp %s: %s\n", a->command, text);
	return EXIT_FINDINGS;
}

static int show(const struct arguments *a, const char *endpoint)
{
	struct err e;
	int status = 0;
	json_auto_t *o = ask(a->socket, endpoint, &status, &e);

	if (!o)
		return fail(a, e.text);
	if (status != 200) {
		err_set(&e, 0, "%s%s", text_of(o, "Err"),
			status == 409 ? "; the old settings stay in force" : "");
		return fail(a, e.text);
	}
	if (a->json) {
		(void)json_dumpf(o, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
		(void)printf("\n");
	} else {
		print_state(o);
	}
	return json_is_true(json_object_get(o, "broken")) ? EXIT_FINDINGS : EXIT_FINE;
}

static int take_arguments(struct arguments *a, int argc, char **argv)
{
	static const struct option options[] = { { "socket", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' }, { NULL, 0, NULL, 0 } };
	int o;

	a->command = argv[0];
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	a->socket = getenv("DSP_SOCKET");
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	while ((o = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (o == 's')
			a->socket = optarg;
		else if (o == 'j')
			a->json = true;
		else
			return cli_usage(a->command, "%s: unknown, or its value is missing",
				argv[optind - 1]);
	}
	if (optind < argc)
		return cli_usage(a->command, "%s: not expected", argv[optind]);
	if (!a->socket || a->socket[0] == '\0')
		a->socket = SETTINGS_SOCKET;
	return 0;
}

static int control(int argc, char **argv, const char *endpoint)
{
	struct arguments a = { .command = NULL };
	int rc = take_arguments(&a, argc, argv);

	return rc != 0 ? rc : show(&a, endpoint);
}

int cli_status(int argc, char **argv)
{
	return control(argc, argv, "/Dsp.Status");
}

int cli_reload(int argc, char **argv)
{
	return control(argc, argv, "/Dsp.Reload");
}
