#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "dsp/cli.h"
#include "dsp/listener.h"
#include "dsp/log.h"
#include "dsp/mem.h"
#include "dsp/process.h"
#include "dsp/server.h"
#include "dsp/service.h"
#include "version.h"

enum { BUDGET = 64 << 20, REQUEST_SECONDS = 30 };

/* "profile guard, ALLOW_EXEC=1": what differs from the default. */
static void say_settings(const struct config *c)
{
	char text[900];
	struct line l;

	line_init(&l, text, sizeof(text));
	for (size_t i = 0; i < FLAG_COUNT; i++) {
		if (c->settings.flags[i] != SETTING_UNSET)
			line_add(&l, ", %s=%d", flag_at(i)->name,
				c->settings.flags[i] == SETTING_ON);
	}
	if (c->settings.names[0])
		line_add(&l, ", DSP_NAME=%s", c->settings.names);
	log_line("%s: profile %s%s%s; serving %s", DSP_VERSION,
		profile_info(c->policy.profile)->name, text, l.cut ? ", ..." : "", c->socket);
}

static void say_notices(const struct settings *s)
{
	struct span rest = span_of(s->notices);

	while (rest.n > 0) {
		size_t n = span_find(rest, '\n');

		log_line("notice: %.*s", (int)n, rest.s);
		rest = span_after(rest, n < rest.n ? n + 1 : n);
	}
}

struct serving {
	struct service service; /* first: the endpoints' ctx is a service */
	struct listener listener;
};

static void stopping(void *ctx)
{
	struct serving *s = ctx;

	listener_unlink(&s->listener);
}

/*
 * The directory of the socket, by its real path; mem_free is for the caller. The socket is there.
 * NULL and e when that cannot be said.
 */
static char *socket_directory(const char *socket, struct err *e)
{
	const char *slash = strrchr(socket, '/');
	char dir[256];
	char *real;

	text_copy((struct span){ socket, slash ? (size_t)(slash - socket) + 1 : 0 }, dir,
		sizeof(dir));
	real = realpath(slash ? dir : ".", NULL);
	if (!real)
		err_set(e, errno, "%s", slash ? dir : ".");
	return real;
}

/* Threads that look for mount sources, and where dsp's own files are. */
static int begin_lookups(struct service *service, const char *dir, struct err *e)
{
	if (!dir)
		return -1;
	service->socket_dir = span_of(dir);
	service->pool = pool_new(lookup_run, e);
	return service->pool ? 0 : -1;
}

static int serve(const struct config *c)
{
	struct serving s = { .service.policy = &c->policy };
	struct server_options o = { .ctx = &s,
		.budget = BUDGET,
		.request_seconds = REQUEST_SECONDS,
		.stopping = stopping,
		.finished = service_finished,
		.wait = service_wait };
	AUTO_MEM char *dir = NULL;
	struct err e;
	int rc;

	o.endpoints = service_endpoints(&o.count);
	/* From here on a stop is asked for in order: the socket's name is taken away again. */
	process_block_signals();
	if (listener_open(c->socket, &s.listener, &e) != 0) {
		log_line("%s", e.text);
		return EXIT_FINDINGS;
	}
	o.listen_fd = s.listener.fd;
	if (c->policy.broken[0])
		log_line("%s: everything is denied; serving %s", DSP_VERSION, c->socket);
	else
		say_settings(c);
	dir = socket_directory(c->socket, &e);
	rc = begin_lookups(&s.service, dir, &e);
	if (rc == 0) {
		o.wake_fd = pool_fd(s.service.pool);
		rc = server_run(&o, &e);
	}
	pool_close(s.service.pool);
	listener_close(&s.listener);
	if (rc != 0) {
		log_line("%s", e.text);
		return EXIT_FINDINGS;
	}
	log_line("stopped");
	return EXIT_FINE;
}

int cli_serve(int argc, char **argv)
{
	static const struct option options[] = { { "socket", required_argument, NULL, 's' },
		{ "env-file", required_argument, NULL, 'e' }, { NULL, 0, NULL, 0 } };
	AUTO_MEM struct config *c = NULL;
	const char *env_file = NULL;
	const char *socket = NULL;
	struct err e;
	int o;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	while ((o = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (o == 's')
			socket = optarg;
		else if (o == 'e')
			env_file = optarg;
		else
			return cli_usage(
				"serve", "%s: unknown, or its value is missing", argv[optind - 1]);
	}
	if (optind < argc)
		return cli_usage("serve", "%s: not expected", argv[optind]);
	if (config_read(env_file, socket, &c, &e) != 0) {
		log_line("%s", e.text);
		if (!c || !c->settings.deny_when_broken)
			return EXIT_BROKEN;
		policy_broken(e.text, &c->policy);
	}
	say_notices(&c->settings);
	return serve(c);
}
