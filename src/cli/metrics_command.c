/* The numbers of a dsp that serves, for those who collect them. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dsp/config/command.h"
#include "dsp/config/output.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/settings.h"
#include "dsp/protocol/http_client.h"
#include "dsp/protocol/protocol.h"
#include "dsp/system/clock.h"
#include "dsp/system/file.h"

enum {
	WAIT_MS = 5000,
	HEAD_MOST = 2048,    /* of a request */
	ANSWER_SECONDS = 30, /* at most, for who does not read */
};

static const char down[] = "# TYPE dsp_up gauge\n"
			   "# HELP dsp_up 0: no dsp answered\n"
			   "dsp_up 0\n";

/*
 * Written beside and then renamed, so that a reader sees the old one or the new one. The name of
 * what a killed run leaves does not end in .prom, so node_exporter does not read it.
 */
static int replace(const char *path, const char *text, size_t n, struct err *e)
{
	char beside[2048];
	struct stat st;
	int fd;
	int rc;

	/* For root this would put a file in the place of /dev/null. */
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return FAIL(e, 0, "%s: is there, and no file", path);
	if (snprintf(beside, sizeof(beside), "%s.XXXXXX", path) >= (int)sizeof(beside))
		return FAIL(e, ENAMETOOLONG, "%.80s...", path);
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0)
		return FAIL(e, errno, "%s", path);
	rc = file_write_all(fd, text, n) == 0 && fchmod(fd, 0644) == 0 ? 0 : -1;
	if (rc != 0)
		err_set(e, errno, "%s", path);
	if (close(fd) != 0 && rc == 0)
		rc = FAIL(e, errno, "%s", path);
	if (rc == 0 && rename(beside, path) != 0)
		rc = FAIL(e, errno, "%s", path);
	if (rc != 0)
		(void)unlink(beside);
	return rc;
}

static int fetch(const char *socket, bool text, struct http_reply *ret, struct err *e)
{
	const char *endpoint = text ? ENDPOINT_METRICS_TEXT : ENDPOINT_METRICS;

	if (http_client_post(socket, endpoint, WAIT_MS, ret, e) != 0)
		return -1;
	if (ret->status == 200 && ret->len > 0 && ret->body[0] == '#')
		return 0;
	http_reply_free(ret);
	return FAIL(e, 0, "%s: what answers there has no metrics", socket);
}

static int fail(const struct err *e)
{
	(void)fprintf(stderr, "dsp metrics: %s\n", e->text);
	return EXIT_FINDINGS;
}

static int to_file(const char *socket, const char *path)
{
	struct http_reply r;
	struct err e;
	struct err written;
	bool up = fetch(socket, true, &r, &e) == 0;
	int rc = up ? replace(path, r.body, r.len, &written)
		    : replace(path, down, sizeof(down) - 1, &written);

	if (up)
		http_reply_free(&r);
	if (rc != 0)
		return fail(&written);
	return up ? EXIT_FINE : fail(&e);
}

static int to_output(const char *socket, bool text)
{
	struct http_reply r;
	struct err e;
	int rc;

	if (fetch(socket, text, &r, &e) != 0)
		return fail(&e);
	rc = file_write_all(STDOUT_FILENO, r.body, r.len);
	if (rc != 0)
		err_set(&e, errno, "standard output");
	http_reply_free(&r);
	return rc == 0 ? EXIT_FINE : fail(&e);
}

/* --- JSON --------------------------------------------------------------------------------------*/

/* The labels of {name="value",...}, without the braces. */
static json_t *parse_labels(struct span text)
{
	json_t *labels = json_object();

	while (text.n > 0) {
		struct span name = span_cut(&text, '=');
		char value[256];
		struct line l;
		size_t i = 1;

		line_init(&l, value, sizeof(value));
		for (; i < text.n && text.s[i] != '"'; i++) {
			i += text.s[i] == '\\' && i + 1 < text.n;
			line_add_cut(&l, (struct span){ text.s + i, 1 });
		}
		(void)json_object_setn_new(labels, name.s, name.n, json_string(value));
		/* Behind the value stand its quotation mark and a comma. */
		text = span_after(text, i + 2 < text.n ? i + 2 : text.n);
	}
	return labels;
}

/* Of "name{labels} value". */
static json_t *parse_sample(struct span line)
{
	size_t end = span_find(line, ' ');
	struct span name = { line.s, span_find(line, '{') };
	struct span labels = { NULL, 0 };

	if (name.n < line.n) {
		end = line.n;
		while (end > name.n && line.s[end - 1] != '}')
			end--;
		labels = (struct span){ line.s + name.n + 1, end - name.n - 2 };
	} else {
		name.n = end;
	}
	return json_pack("{s:s%, s:o, s:f}", "name", name.s, name.n, "labels", parse_labels(labels),
		"value", strtod(line.s + end, NULL));
}

static int to_json(const char *socket)
{
	json_auto_t *o = json_pack("{s:[]}", "metrics");
	struct http_reply r;
	struct span rest;
	struct err e;

	if (fetch(socket, true, &r, &e) != 0)
		return fail(&e);
	rest = (struct span){ r.body, r.len };
	while (rest.n > 0) {
		struct span line = span_cut(&rest, '\n');

		if (line.n > 0 && line.s[0] != '#')
			(void)json_array_append_new(
				json_object_get(o, "metrics"), parse_sample(line));
	}
	http_reply_free(&r);
	output_json(o);
	return EXIT_FINE;
}

/* --- one request by HTTP -----------------------------------------------------------------------*/

/* The head of a request on standard input, terminated; -1: it does not come, or in no time. */
static int read_head(char *text, size_t cap)
{
	uint64_t end = clock_now() + WAIT_MS;
	size_t n = 0;

	while (n < cap - 1) {
		struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
		uint64_t now = clock_now();
		ssize_t got;

		if (now >= end || poll(&p, 1, (int)(end - now)) != 1)
			return -1;
		got = read(STDIN_FILENO, text + n, cap - 1 - n);
		if (got <= 0)
			return -1;
		n += (size_t)got;
		text[n] = '\0';
		if (strstr(text, "\r\n\r\n"))
			return 0;
	}
	return -1;
}

static int send_reply(const char *status, const char *type, struct span body)
{
	char head[256];
	struct line l;

	line_init(&l, head, sizeof(head));
	line_add(&l,
		"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
		"Connection: close\r\n\r\n",
		status, type, body.n);
	if (file_write_all(STDOUT_FILENO, head, l.n) != 0 ||
		file_write_all(STDOUT_FILENO, body.s, body.n) != 0)
		return EXIT_FINDINGS;
	return EXIT_FINE;
}

static bool is_for_metrics(const char *head)
{
	static const struct span line = SPAN_INIT("GET /metrics");
	struct span all = span_of(head);

	return span_starts(all, line) && (all.s[line.n] == ' ' || all.s[line.n] == '?');
}

/* Nothing but the numbers is to be had here, and nobody who asks can hold us up for long. */
static int to_http(const char *socket)
{
	static const char plain[] = "text/plain; version=0.0.4; charset=utf-8";
	static const char open[] = "application/openmetrics-text; version=1.0.0; charset=utf-8";
	char head[HEAD_MOST];
	struct http_reply r;
	struct err e;
	bool text;
	int status;

	(void)alarm(ANSWER_SECONDS);
	if (read_head(head, sizeof(head)) != 0)
		return send_reply("400 Bad Request", plain, SPAN("this is no request\n"));
	if (!is_for_metrics(head))
		return send_reply(
			"404 Not Found", plain, SPAN("there is nothing here but GET /metrics\n"));
	text = !strcasestr(head, "application/openmetrics-text");
	if (fetch(socket, text, &r, &e) != 0) {
		(void)fail(&e);
		return send_reply("200 OK", plain, (struct span){ down, sizeof(down) - 1 });
	}
	status = send_reply("200 OK", text ? plain : open, (struct span){ r.body, r.len });
	http_reply_free(&r);
	return status;
}

static const struct option options[] = { { "socket", required_argument, NULL, 's' },
	{ "text", no_argument, NULL, 't' }, { "textfile", required_argument, NULL, 'f' },
	{ "http", no_argument, NULL, 'h' }, { "json", no_argument, NULL, 'j' },
	{ NULL, 0, NULL, 0 } };

static int run_metrics(int argc, char **argv)
{
	const char *socket = NULL;
	const char *file = NULL;
	bool text = false;
	bool http = false;
	bool json = false;
	int o;

	while ((o = command_option(&metrics_command, argc, argv)) != -1) {
		if (o == 's')
			socket = optarg;
		else if (o == 't')
			text = true;
		else if (o == 'f')
			file = optarg;
		else if (o == 'h')
			http = true;
		else if (o == 'j')
			json = true;
		else
			return EXIT_USAGE;
	}
	if (optind < argc)
		return command_usage("metrics", "%s: not expected", argv[optind]);
	socket = command_running_socket(socket);
	if (http)
		return to_http(socket);
	if (json)
		return to_json(socket);
	return file ? to_file(socket, file) : to_output(socket, text);
}

const struct command metrics_command = {
	.name = "metrics",
	.arguments = "[--text|--json] [--textfile FILE] [--http] [--socket PATH]",
	.run = run_metrics,
	.options = options,
	.summary = "print the metrics of the running dspd, for Prometheus",
	.help = "  --text           Prometheus' text format; without it OpenMetrics\n"
		"  --json           print JSON\n"
		"  --textfile FILE  write the text format to FILE, for node_exporter: whole or not at all\n"
		"  --http           answer one GET /metrics on standard input, as a socket unit with\n"
		"                   Accept=yes hands it over: dspd(8) has one\n"
		"  --socket PATH    its socket (DSP_SOCKET; default " SETTINGS_SOCKET ",\n"
		"                     or that of the managed plugin dsp)\n"
		"\n"
		"When dsp does not answer, FILE and --http say dsp_up 0; but for --http the status is 1.\n",
};
