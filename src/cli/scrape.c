/* The numbers of a dsp that serves, for those who collect them. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dsp/cli.h"
#include "dsp/http.h"

enum { WAIT_MS = 5000 };

static const char down[] = "# TYPE dsp_up gauge\n"
			   "# HELP dsp_up 0: no dsp answered\n"
			   "dsp_up 0\n";

static int write_all(int fd, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, text, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return -1;
		text += done;
		n -= (size_t)done;
	}
	return 0;
}

/*
 * Written beside and then renamed, so that a reader sees the old one or the new one. The name of
 * what a killed run leaves does not end in .prom, so node_exporter does not read it.
 */
static int replace(const char *path, const char *text, size_t n, struct err *e)
{
	char beside[2048];
	int fd;
	int rc;

	if (snprintf(beside, sizeof(beside), "%s.XXXXXX", path) >= (int)sizeof(beside))
		return FAIL(e, ENAMETOOLONG, "%.80s...", path);
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0)
		return FAIL(e, errno, "%s", path);
	rc = write_all(fd, text, n) == 0 && fchmod(fd, 0644) == 0 ? 0 : -1;
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
	const char *endpoint = text ? "/Dsp.MetricsText" : "/Dsp.Metrics";

	if (http_post(socket, endpoint, WAIT_MS, ret, e) != 0)
		return -1;
	if (ret->status == 200 && ret->len > 0 && ret->body[0] == '#')
		return 0;
	http_free(ret);
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
		http_free(&r);
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
	rc = write_all(STDOUT_FILENO, r.body, r.len);
	if (rc != 0)
		err_set(&e, errno, "standard output");
	http_free(&r);
	return rc == 0 ? EXIT_FINE : fail(&e);
}

int cli_metrics(int argc, char **argv)
{
	static const struct option options[] = { { "socket", required_argument, NULL, 's' },
		{ "text", no_argument, NULL, 't' }, { "textfile", required_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 } };
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	const char *socket = getenv("DSP_SOCKET");
	const char *file = NULL;
	bool text = false;
	int o;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	while ((o = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (o == 's')
			socket = optarg;
		else if (o == 't')
			text = true;
		else if (o == 'f')
			file = optarg;
		else
			return cli_usage("metrics", "%s: unknown, or its value is missing",
				argv[optind - 1]);
	}
	if (optind < argc)
		return cli_usage("metrics", "%s: not expected", argv[optind]);
	if (!socket || socket[0] == '\0')
		socket = SETTINGS_SOCKET;
	return file ? to_file(socket, file) : to_output(socket, text);
}
