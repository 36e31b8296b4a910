/* dsp metrics: the numbers of the running dspd, and whether dockerd asks it. */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dsp/config/command.h"
#include "dsp/config/metric_info.h"
#include "dsp/config/output.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/settings.h"
#include "dsp/dockerd/dockerd_api.h"
#include "dsp/protocol/http_client.h"
#include "dsp/protocol/protocol.h"
#include "dsp/system/clock.h"
#include "dsp/system/file.h"

enum {
	WAIT_MS = 5000,
	HEAD_MOST = 2048,    /* of a request */
	ANSWER_SECONDS = 30, /* at most, for who does not read */
};

struct arguments {
	const char *host;
	const char *socket;
	const char *file;
	bool text;
	bool http;
	bool json;
};

/* What is printed: of dspd, and what only this command can find out. */
struct page {
	char *text; /* owned */
	size_t n;
	bool up; /* dspd answered */
};

static int fetch(const char *socket, bool text, struct http_reply *ret, struct err *e)
{
	const struct http_request q = { .target = text ? ENDPOINT_METRICS_TEXT : ENDPOINT_METRICS,
		.wait_ms = WAIT_MS };

	if (http_client_post(socket, &q, ret, e) != 0)
		return -1;
	if (ret->status == 200 && ret->len > 0 && ret->body[0] == '#')
		return 0;
	http_reply_free(ret);
	return FAIL(e, 0, "%s: the answer has no metrics; is this dspd?", socket);
}

static int fail(const struct err *e)
{
	(void)fprintf(stderr, "dsp metrics: %s\n", e->text);
	return EXIT_FINDINGS;
}

/* Writes a gauge in either form. */
static void write_gauge(struct line *l, enum metric metric, int value)
{
	const struct metric_info *m = metric_info(metric);

	line_add(l, "# TYPE %s %s\n# HELP %s %s\n%s %d\n", m->name, m->type, m->name, m->what,
		m->name, value);
}

/*
 * Makes the page; the caller frees its text. -1 and e: out of memory. up is false and e is set when
 * dspd does not answer: then the text says so.
 */
static int collect(const struct arguments *a, bool text, struct page *ret, struct err *e)
{
	static const struct span eof = SPAN_INIT("# EOF\n");
	struct http_reply r = { .text = NULL };
	enum probe_result asked = PROBE_UNKNOWN;
	struct span body = { NULL, 0 };
	char own[1024];
	struct line l;
	struct err silent;

	*ret = (struct page){ .up = fetch(a->socket, text, &r, e) == 0 };
	line_init(&l, own, sizeof(own));
	/* dockerd would wait for a dspd that hangs, and so would this command. */
	if (ret->up || e->code != ETIMEDOUT)
		asked = dockerd_asks(a->host, a->socket, &silent);
	if (!ret->up)
		write_gauge(&l, METRIC_UP, 0);
	if (asked != PROBE_UNKNOWN)
		write_gauge(&l, METRIC_ASKED, asked == PROBE_ASKED);
	if (ret->up)
		body = (struct span){ r.body, r.len };
	if (ret->up && !text) {
		body.n -= span_ends(body, eof) ? eof.n : 0;
		line_add_cut(&l, eof);
	}
	ret->n = body.n + l.n;
	ret->text = mem_alloc(ret->n + 1);
	if (ret->text) {
		if (body.n > 0)
			memcpy(ret->text, body.s, body.n);
		memcpy(ret->text + body.n, own, l.n + 1);
	}
	http_reply_free(&r);
	return ret->text ? 0 : FAIL(e, ENOMEM, "the metrics");
}

static int to_file(const struct arguments *a)
{
	struct page page;
	struct err written;
	struct err e;
	int rc;

	if (collect(a, true, &page, &e) != 0)
		return fail(&e);
	rc = file_replace(a->file, page.text, page.n, &written);
	mem_free(page.text);
	if (rc != 0)
		return fail(&written);
	return page.up ? EXIT_FINE : fail(&e);
}

static int to_output(const struct arguments *a)
{
	struct page page;
	struct err e;
	int rc;

	if (collect(a, a->text, &page, &e) != 0)
		return fail(&e);
	rc = page.up ? file_write_all(STDOUT_FILENO, page.text, page.n) : -1;
	if (rc != 0 && page.up)
		err_set(&e, errno, "standard output");
	mem_free(page.text);
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

static int to_json(const struct arguments *a)
{
	json_auto_t *o = json_pack("{s:[]}", "metrics");
	struct page page;
	struct span rest;
	struct err e;

	if (collect(a, true, &page, &e) != 0 || !page.up) {
		mem_free(page.text);
		return fail(&e);
	}
	rest = (struct span){ page.text, page.n };
	while (rest.n > 0) {
		struct span line = span_cut(&rest, '\n');

		if (line.n > 0 && line.s[0] != '#')
			(void)json_array_append_new(
				json_object_get(o, "metrics"), parse_sample(line));
	}
	mem_free(page.text);
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

/* Answers GET /metrics alone, and gives up on a client that is slow. */
static int to_http(const struct arguments *a)
{
	static const char plain[] = "text/plain; version=0.0.4; charset=utf-8";
	static const char open[] = "application/openmetrics-text; version=1.0.0; charset=utf-8";
	char head[HEAD_MOST];
	struct page page;
	struct err e;
	bool text;
	int status;

	(void)alarm(ANSWER_SECONDS);
	if (read_head(head, sizeof(head)) != 0)
		return send_reply("400 Bad Request", plain, SPAN("cannot parse the request\n"));
	if (!is_for_metrics(head))
		return send_reply("404 Not Found", plain, SPAN("only GET /metrics is served\n"));
	text = !strcasestr(head, "application/openmetrics-text");
	if (collect(a, text, &page, &e) != 0)
		return fail(&e);
	if (!page.up)
		(void)fail(&e);
	status = send_reply(
		"200 OK", text || !page.up ? plain : open, (struct span){ page.text, page.n });
	mem_free(page.text);
	return status;
}

static const struct option options[] = { { "socket", required_argument, NULL, 's' },
	{ "host", required_argument, NULL, 'H' }, { "text", no_argument, NULL, 't' },
	{ "textfile", required_argument, NULL, 'f' }, { "http", no_argument, NULL, 'h' },
	{ "json", no_argument, NULL, 'j' }, { NULL, 0, NULL, 0 } };

static int run_metrics(int argc, char **argv)
{
	struct arguments a = { .host = NULL };
	int o;

	while ((o = command_option(&metrics_command, argc, argv)) != -1) {
		if (o == 's')
			a.socket = optarg;
		else if (o == 'H')
			a.host = optarg;
		else if (o == 't')
			a.text = true;
		else if (o == 'f')
			a.file = optarg;
		else if (o == 'h')
			a.http = true;
		else if (o == 'j')
			a.json = true;
		else
			return EXIT_USAGE;
	}
	if (optind < argc)
		return command_usage("metrics", "%s: not expected", argv[optind]);
	a.socket = command_running_socket(a.socket);
	if (a.http)
		return to_http(&a);
	if (a.json)
		return to_json(&a);
	return a.file ? to_file(&a) : to_output(&a);
}

const struct command metrics_command = {
	.name = "metrics",
	.arguments = "[--text|--json] [--textfile FILE] [--http] [--host unix:///PATH] "
		     "[--socket PATH]",
	.run = run_metrics,
	.options = options,
	.summary = "print the metrics of the running dspd, for Prometheus",
	.help = "  --text               Prometheus' text format; without it OpenMetrics\n"
		"  --json               print JSON\n"
		"  --textfile FILE      write the text format to FILE, for node_exporter: whole or not at\n"
		"                       all\n"
		"  --http               answer one GET /metrics on standard input, as a socket unit with\n"
		"                       Accept=yes hands it over: dspd(8) has one\n"
		"  --host unix:///PATH  dockerd's socket (DOCKER_HOST; default: the usual one)\n"
		"  --socket PATH        the socket of dspd (DSP_SOCKET; default\n"
		"                       " SETTINGS_SOCKET ", or that of the\n"
		"                       managed plugin dsp)\n"
		"\n"
		"For dsp_asked the command sends one ping to dockerd; only root can.\n"
		"If dspd does not answer, FILE and --http say dsp_up 0, and the status is 1 (0 with --http).\n",
};
