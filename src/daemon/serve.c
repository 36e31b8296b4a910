#include "serve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "activation.h"
#include "dsp/audit/audit.h"
#include "dsp/config/command.h"
#include "dsp/config/config.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/version.h"
#include "dsp/daemon/server.h"
#include "dsp/daemon/service.h"
#include "dsp/host/listening_sockets.h"
#include "dsp/system/journal.h"
#include "dsp/system/log.h"
#include "dsp/system/signals.h"
#include "notify.h"
#include "plugin_socket.h"
#include "sandbox.h"

enum { BUDGET = 64 << 20, REQUEST_SECONDS = 30 };

/* "profile guard, ALLOW_EXEC=1": what differs from the default. */
static void say_settings(const struct config *c, unsigned generation)
{
	char text[900];
	struct line l;

	if (c->policy.broken[0]) {
		log_line("%s: everything is denied; serving %s", DSP_VERSION, c->socket);
		return;
	}
	line_init(&l, text, sizeof(text));
	for (size_t i = 0; i < FLAG_COUNT; i++) {
		if (c->settings.flags[i] != SETTING_UNSET)
			line_add(&l, ", %s=%d", flag_at(i)->name,
				c->settings.flags[i] == SETTING_ON);
	}
	if (c->settings.names[0])
		line_add(&l, ", DSP_NAME=%s", c->settings.names);
	if (c->rules)
		line_add(&l, ", %zu rules of %s (%.14s)", c->rules->count, c->findings.file,
			c->digest);
	if (generation > 1)
		line_add(&l, ", generation %u", generation);
	if (c->policy.mounts_invisible)
		line_add(&l, "; managed plugin: user %d, mount sources are hidden from it",
			(int)SANDBOX_ID);
	log_line("%s: profile %s%s%s; serving %s", DSP_VERSION,
		profile_info(c->policy.profile)->name, text, l.cut ? ", ..." : "", c->socket);
	if (c->policy.monitor)
		log_line("MONITOR MODE: denials are only recorded, and everything that they would "
			 "stop is allowed");
}

static void say_notices(const struct config *c)
{
	struct span rest = span_of(c->settings.notices);

	while (rest.n > 0) {
		size_t n = span_find(rest, '\n');

		log_line("notice: %.*s", (int)n, rest.s);
		rest = span_after(rest, n < rest.n ? n + 1 : n);
	}
	for (size_t i = 0; i < c->findings.count; i++) {
		const struct finding *f = &c->findings.items[i];

		if (f->warning)
			log_line("notice: %s:%zu:%zu: %s", c->findings.file, f->line, f->column,
				f->text);
	}
}

struct serving {
	struct service service; /* first: the endpoints' ctx is a service */
	struct listener listener;
	struct activation activation;
	struct notify notify;
	struct recent_decisions recent;
	struct sources sources;
	char socket[256];
};

/* What is in force in a few words, and what went wrong with the last reload. */
static void tell_state(struct serving *s, const char *trouble)
{
	const struct policy *p = s->service.snapshot->policy;
	char text[480];
	struct line l;

	line_init(&l, text, sizeof(text));
	if (p->broken[0])
		line_add(&l, "BROKEN SETTINGS, everything is denied: %s", p->broken);
	else
		line_add(&l, "%sprofile %s, generation %u, %s", p->monitor ? "MONITOR MODE: " : "",
			profile_info(p->profile)->name, s->service.snapshot->generation,
			p->monitor ? "denials are only recorded" : "enforcing");
	if (trouble) {
		line_add(&l, "; the last reload failed: ");
		line_add_cut(&l, span_of(trouble));
	}
	notify_ready(&s->notify, text);
}

static void release(struct snapshot *s)
{
	config_free(s->owner);
	mem_free(s);
}

/* Owns c: frees it when no request holds the snapshot any more. NULL: memory ran out, c stays. */
static struct snapshot *snapshot_of(struct config *c)
{
	struct snapshot *s = mem_alloc(sizeof(*s));

	if (!s)
		return NULL;
	*s = (struct snapshot){ .policy = &c->policy, .owner = c, .release = release };
	memcpy(s->digest, c->digest, sizeof(s->digest));
	memcpy(s->env_digest, c->env_digest, sizeof(s->env_digest));
	return s;
}

static void stopping(void *ctx)
{
	struct serving *s = ctx;

	notify_stopping(&s->notify);
	listener_unlink(&s->listener);
}

static unsigned tick(void *ctx)
{
	struct serving *s = ctx;
	unsigned alive = s->notify.fd >= 0 ? notify_alive(&s->notify) : 0;
	unsigned watched = recent_decisions_tick(&s->recent);

	return alive == 0 || (watched > 0 && watched < alive) ? watched : alive;
}

/*
 * The directory of the socket, by its real path; by its text where dsp may not enter it or it is
 * gone, as may be when the socket was handed over. mem_free is for the caller. NULL and e when that
 * cannot be said.
 */
static char *socket_directory(const char *socket, struct err *e)
{
	const char *slash = strrchr(socket, '/');
	char dir[256];
	char *real;

	text_copy((struct span){ socket, slash ? (size_t)(slash - socket) + 1 : 0 }, dir,
		sizeof(dir));
	real = realpath(slash ? dir : ".", NULL);
	if (!real && (errno == EACCES || errno == ENOENT) && dir[0] == '/')
		real = mem_copy(dir, strlen(dir));
	if (!real)
		err_set(e, errno, "%s", slash ? dir : ".");
	return real;
}

/* Threads that look for mount sources, and where dsp's own files are. */
static int begin_lookups(
	struct service *service, const char *dir, struct server_options *o, struct err *e)
{
	if (!dir)
		return -1;
	service->socket_dir = span_of(dir);
	service->pool = lookup_pool_new(mount_lookup_run, e);
	if (!service->pool)
		return -1;
	o->finished = service_finished;
	o->wait = service_wait;
	o->wake_fd = lookup_pool_fd(service->pool);
	return 0;
}

static int reload_settings(struct serving *s, struct err *e)
{
	struct snapshot *next = NULL;
	struct config *c = NULL;
	int rc = config_read(&s->sources, &c, e);

	if (rc == 0) {
		next = snapshot_of(c);
		rc = next ? 0 : FAIL(e, ENOMEM, "the settings");
	}
	if (rc != 0) {
		config_free(c);
		log_fault("reload: %s; the old settings stay in force", e->text);
		return -1;
	}
	say_notices(c);
	service_swap(&s->service, next);
	audit_configure(s->service.audit, &c->settings.audit);
	say_settings(c, next->generation);
	return 0;
}

/* Everything is read and checked first; then it is in force for each question that comes. */
static int reload(struct service *service, struct err *e)
{
	struct serving *s = (struct serving *)(void *)service;
	int rc;

	notify_reloading(&s->notify);
	rc = reload_settings(s, e);
	s->service.metrics->reloads[rc == 0]++;
	tell_state(s, rc != 0 ? e->text : NULL);
	return rc;
}

static void hangup(void *ctx)
{
	struct err e;

	(void)reload(ctx, &e);
}

/* What a sandbox around dsp hides of dockerd, by the example of another process of root's. */
static void say_view(void)
{
	switch (listening_sockets_access(1)) {
	case LISTENING_KNOWN:
		break;
	case LISTENING_GUESSED:
		log_line("notice: which sockets are dockerd's cannot be seen from here: each one "
			 "on which root listens counts as docker_socket");
		break;
	case LISTENING_UNKNOWN:
		log_line("notice: on which sockets dockerd listens cannot be seen from here: each "
			 "directory that is mounted counts as docker_socket, but in profile guard");
		break;
	}
}

/* After everything that a thread inherits: blocked signals, the sandbox of a managed plugin. */
static int begin_trail(struct serving *s, struct err *e)
{
	const struct config *c = s->service.snapshot->owner;

	s->service.audit = audit_new(&c->settings.audit, e);
	return s->service.audit ? audit_start(s->service.audit, e) : -1;
}

static int run(struct serving *s, struct server_options *o, struct err *e)
{
	AUTO_MEM char *dir = NULL;
	int rc = 0;

	if (!s->sources.managed) {
		say_view();
		dir = socket_directory(s->socket, e);
		rc = begin_lookups(&s->service, dir, o, e);
	}
	s->service.metrics = metrics_new();
	if (rc == 0 && !s->service.metrics)
		rc = FAIL(e, ENOMEM, "metrics");
	recent_decisions_init(&s->recent);
	s->service.recent = &s->recent;
	if (rc == 0)
		rc = begin_trail(s, e);
	if (rc == 0) {
		/* From here on the kernel keeps what comes, until the loop takes it. */
		tell_state(s, NULL);
		rc = server_run(o, e);
	}
	lookup_pool_close(s->service.pool);
	audit_stop(s->service.audit);
	mem_free(s->service.metrics);
	recent_decisions_free(&s->recent);
	return rc;
}

/* A socket of our own, when none was handed over, and none is open yet. */
static int open_socket(struct serving *s, struct err *e)
{
	if (s->sources.inherited)
		return s->activation.fd;
	if (s->listener.fd < 0 && listener_open(s->socket, &s->listener, e) != 0)
		return -1;
	return s->listener.fd;
}

static int listen_and_run(struct serving *s, struct server_options *o)
{
	struct err e;
	int rc;

	/* From here on a stop is asked for in order: the socket's name is taken away again. */
	signals_block();
	o->listen_fd = open_socket(s, &e);
	if (o->listen_fd < 0) {
		log_fault("%s", e.text);
		return EXIT_FINDINGS;
	}
	say_settings(s->service.snapshot->owner, s->service.snapshot->generation);
	rc = run(s, o, &e);
	listener_close(&s->listener);
	if (rc != 0) {
		log_fault("%s", e.text);
		return EXIT_FINDINGS;
	}
	log_line("stopped");
	return EXIT_FINE;
}

/*
 * As a managed plugin: bind as root, then stay behind walls, so that also the first reading of the
 * settings can do no more than each later one. The socket is the one that dockerd looks for.
 */
static int confine(struct serving *s)
{
	struct err e;

	log_to_dockerd();
	if (!s->sources.socket)
		s->sources.socket = SETTINGS_SOCKET;
	signals_block();
	if (sandbox_prepare(&e) == 0 && listener_open(s->sources.socket, &s->listener, &e) == 0 &&
		sandbox_enter(&e) == 0)
		return 0;
	log_fault("%s", e.text);
	listener_close(&s->listener);
	return -1;
}

/* What a service manager says in the environment. -1: what it hands over cannot be served. */
static int meet_manager(struct serving *s)
{
	struct err e;
	int handed_over;

	if (journal_has_stderr())
		log_to_journal();
	if (notify_open(&s->notify, &e) != 0)
		log_line("notice: %s", e.text);
	handed_over = activation_take(&s->activation, &e);
	if (handed_over < 0)
		log_fault("%s", e.text);
	if (handed_over > 0)
		s->sources.inherited = s->activation.path;
	return handed_over < 0 ? -1 : 0;
}

/* Owns c. */
static int serve_settings(struct serving *s, struct config *c)
{
	struct server_options o = { .ctx = s,
		.budget = BUDGET,
		.connections = &s->service.connections,
		.request_seconds = REQUEST_SECONDS,
		.handed_over = s->sources.inherited != NULL,
		.stopping = stopping,
		.hangup = hangup,
		.tick = tick };
	struct snapshot *first = snapshot_of(c);
	int rc;

	if (!first) {
		log_fault("no memory for the settings");
		config_free(c);
		listener_close(&s->listener);
		return EXIT_FINDINGS;
	}
	o.endpoints = service_endpoints(&o.count);
	memcpy(s->socket, c->socket, sizeof(s->socket));
	service_swap(&s->service, first);
	rc = listen_and_run(s, &o);
	service_end(&s->service);
	return rc;
}

int serve(const struct sources *sources)
{
	struct serving s = {
		.service.reload = reload, .sources = *sources, .listener.fd = -1, .notify.fd = -1
	};
	struct config *c = NULL;
	struct err e;

	if (s.sources.managed && confine(&s) != 0)
		return EXIT_FINDINGS;
	if (!s.sources.managed && meet_manager(&s) != 0)
		return EXIT_BROKEN;
	if (config_read(&s.sources, &c, &e) != 0) {
		log_fault("%s", e.text);
		if (!c || !c->settings.deny_when_broken) {
			config_free(c);
			listener_close(&s.listener);
			return EXIT_BROKEN;
		}
		policy_broken(e.text, &c->policy);
	}
	say_notices(c);
	return serve_settings(&s, c);
}
