#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "dsp/config/command.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/owners/expected.h"
#include "dsp/owners/owners.h"
#include "dsp/system/activation.h"
#include "dsp/system/clock.h"
#include "dsp/system/journal.h"
#include "dsp/system/log.h"
#include "dsp/system/signals.h"
#include "endpoints.h"
#include "failed_start.h"
#include "grants.h"
#include "lookup_process.h"
#include "notify.h"
#include "ownership.h"
#include "plugin_socket.h"
#include "sandbox.h"
#include "service.h"
#include "settings_log.h"

enum {
	BUDGET = 64 << 20,
	REQUEST_SECONDS = 30,
	LOOK_MS = 500, /* each look is a system call, and there may be one for each request */
};

struct daemon {
	struct sources sources;
	char socket[256];              /* its path */
	struct plugin_socket listener; /* our own socket; or */
	struct activation handed;      /* one that the service manager made */
	struct notify notify;          /* the service manager */
	int wake;                      /* readable when an answer may have come; -1: none */
	uint64_t look_at;              /* whether the look-up process runs: not before */
	bool lookups_ended;
	struct recent_decisions recent;
	struct service service;
};

/* --- while it serves ---------------------------------------------------------------------------*/

static void notify_state(struct daemon *d, const char *trouble)
{
	char text[480];

	write_state_line(d->service.snapshot, trouble, text, sizeof(text));
	notify_ready(&d->notify, text);
}

/* For every request that comes from now on. */
static int put_config_in_force(struct daemon *d, struct config *c, struct err *e)
{
	struct snapshot *next;

	if (audit_try(d->service.sinks.audit, &c->settings.audit, e) != 0)
		return -1;
	next = snapshot_new(c, d->service.reload);
	if (!next)
		return FAIL(e, ENOMEM, "the settings");
	log_notices(c);
	snapshot_replace(&d->service.snapshot, next);
	audit_configure(d->service.sinks.audit, &c->settings.audit);
	log_settings(next);
	grants_configure(d->service.grants, c);
	held_requests_judge_all(&d->service.held);
	/* Without a thread dspd denies what makes something. */
	if (ownership_configure(&d->service, e) != 0)
		log_fault("reload: %s", e->text);
	return 0;
}

static struct daemon *daemon_of(void *ctx)
{
	const struct service *service = ctx;

	return service->daemon;
}

/* What came of a reload, whose error is e where rc is -1. */
static void conclude_reload(struct daemon *d, int rc, const struct err *e)
{
	if (rc != 0)
		log_fault("reload: %s; %s", e->text,
			d->service.snapshot->config->policy.broken[0] != '\0'
				? "dsp still denies every request"
				: "the old settings stay in force");
	reload_conclude(d->service.reload, rc != 0 ? e : NULL);
	notify_reloading(&d->notify);
	d->service.sinks.metrics->reloads[rc == 0]++;
	notify_state(d, rc != 0 ? e->text : NULL);
}

static bool put_in_force(struct daemon *d)
{
	struct config *c;
	struct err e;
	int rc = -1;

	if (!reload_next(d->service.reload, &c, &e))
		return false;
	if (c)
		rc = put_config_in_force(d, c, &e);
	if (c && rc != 0)
		config_free(c);
	conclude_reload(d, rc, &e);
	return true;
}

static void on_hangup(void *ctx)
{
	struct daemon *d = daemon_of(ctx);
	struct err e;

	if (reload_ask(d->service.reload, NULL, &e) != 0)
		conclude_reload(d, -1, &e);
}

static void on_stop(void *ctx)
{
	struct daemon *d = daemon_of(ctx);

	notify_stopping(&d->notify);
	held_requests_stop(&d->service.held);
	plugin_socket_unlink(&d->listener);
}

/*
 * Without its keeper the look-up process cannot be started again: this process has given up the
 * right to. A service manager restarts dspd.
 */
static void watch_lookups(struct daemon *d)
{
	uint64_t now = clock_about();

	if (d->lookups_ended || d->sources.managed || now < d->look_at)
		return;
	d->look_at = now + LOOK_MS;
	if (lookup_process_state().running)
		return;
	d->lookups_ended = true;
	log_fault("the look-up process cannot be restarted: dspd denies every mount of the host%s",
		d->notify.fd >= 0 ? " until it is restarted" : "; restart it");
	if (d->notify.fd >= 0)
		(void)raise(SIGTERM);
}

static unsigned on_tick(void *ctx)
{
	struct daemon *d = daemon_of(ctx);
	unsigned alive = d->notify.fd >= 0 ? notify_alive(&d->notify) : 0;
	const unsigned waits[] = { alive, recent_decisions_tick(&d->recent),
		owner_sweep_step(&d->service), grants_tick(d->service.grants) };
	unsigned wait = 0;

	watch_lookups(d);
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		if (waits[i] > 0 && (wait == 0 || waits[i] < wait))
			wait = waits[i];
	}
	return wait;
}

/* --- steps of the start ------------------------------------------------------------------------*/

/* In the place of a closed one the first socket would come, and get the lines of the log. */
static int open_standard_files(struct err *e)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return FAIL(e, errno, "/dev/null");
	}
	return 0;
}

/*
 * As a managed plugin: bind as root, then give up all rights, so that even the first reading of the
 * settings can do no more than each later one. The socket is the one that dockerd looks for.
 */
static int confine(struct daemon *d, struct err *e)
{
	log_to_dockerd();
	if (!d->sources.socket)
		d->sources.socket = SETTINGS_SOCKET;
	signals_block();
	if (sandbox_prepare(e) != 0 || plugin_socket_open(d->sources.socket, &d->listener, e) != 0)
		return -1;
	return sandbox_enter(e);
}

/* What a service manager says in the environment. -1 and e: the socket it hands over is unfit. */
static int read_manager(struct daemon *d, struct err *e)
{
	int handed_over;

	if (journal_has_stderr())
		log_to_journal();
	if (notify_open(&d->notify, e) != 0)
		log_line("notice: %s", e->text);
	handed_over = activation_receive(&d->handed, e);
	if (handed_over > 0)
		d->sources.inherited = d->handed.path;
	return handed_over < 0 ? -1 : 0;
}

/* With DSP_ON_BROKEN=deny, broken settings are settings that deny everything. */
static int load(struct daemon *d, struct config **ret, struct err *e)
{
	if (config_read(&d->sources, ret, e) == 0) {
		failed_start_clear();
		return 0;
	}
	if (!*ret || !(*ret)->settings.deny_when_broken)
		return -1;
	if (failed_start_mark()) {
		log_fault("this start fails, so that systemctl reports it; dspd then starts again "
			  "and denies every request");
		return -1;
	}
	log_fault("%s", e->text);
	policy_broken(e->text, &(*ret)->policy);
	(*ret)->policy.short_denials = (*ret)->settings.denials == DENIALS_SHORT;
	return 0;
}

/* One descriptor for the answers that come later. */
static int join_wake_up(struct daemon *d, int fd, struct err *e)
{
	struct epoll_event event = { .events = EPOLLIN };

	if (d->wake < 0)
		d->wake = epoll_create1(EPOLL_CLOEXEC);
	if (d->wake < 0 || epoll_ctl(d->wake, EPOLL_CTL_ADD, fd, &event) != 0)
		return FAIL(e, errno, "epoll");
	return 0;
}

/* Puts the first settings in force; they can be read again. -1 and e: config stays the caller's. */
static int begin_settings(struct daemon *d, struct config *config, struct err *e)
{
	d->service.reload = reload_new(&d->sources, e);
	if (!d->service.reload || join_wake_up(d, reload_fd(d->service.reload), e) != 0)
		return -1;
	d->service.snapshot = snapshot_new(config, d->service.reload);
	return d->service.snapshot ? 0 : FAIL(e, ENOMEM, "the settings");
}

/* Binds dspd's own socket, unless it got one. From here on a stop removes its name. */
static int bind_socket(struct daemon *d, struct err *e)
{
	signals_block();
	if (d->sources.inherited || d->listener.fd >= 0)
		return 0;
	return plugin_socket_open(d->socket, &d->listener, e);
}

static int start_owners(struct service *service, struct err *e)
{
	service->owners = owners_new(e);
	if (!service->owners)
		return -1;
	service->expected = expected_new();
	if (!service->expected)
		return FAIL(e, ENOMEM, "the owners");
	return ownership_configure(service, e);
}

/*
 * What looks up mount sources, the client of dsp-resolve, and the owners. A managed
 * plugin sees none of the host's files, has no dsp-resolve, and keeps no owners.
 */
static int start_lookups(struct daemon *d, struct err *e)
{
	if (d->sources.managed)
		return 0;
	log_host_view(lookup_process_state().sees_all);
	d->service.pool = lookup_pool_new(lookup_process_open, d->wake, e);
	if (!d->service.pool)
		return -1;
	d->service.resolver = resolver_new(e);
	if (!d->service.resolver)
		return -1;
	d->service.dockerds = dockerd_facts_new(d->service.resolver, e);
	d->service.objects = object_asks_new(d->service.resolver, e);
	if (!d->service.dockerds || !d->service.objects || start_owners(&d->service, e) != 0)
		return -1;
	if (join_wake_up(d, resolver_fd(d->service.resolver), e) != 0)
		return -1;
	return join_wake_up(d, owners_fd(d->service.owners), e);
}

/* The audit thread last: it must inherit the signal mask and the sandbox. */
static int start_sinks(struct daemon *d, struct err *e)
{
	struct sinks *sinks = &d->service.sinks;

	sinks->metrics = metrics_new();
	if (!sinks->metrics)
		return FAIL(e, ENOMEM, "metrics");
	recent_decisions_init(&d->recent);
	sinks->recent = &d->recent;
	sinks->audit = audit_new(&d->service.snapshot->config->settings.audit, e);
	if (!sinks->audit || audit_start(sinks->audit, e) != 0)
		return -1;
	d->service.grants = grants_new(sinks, clock_boot_us);
	if (!d->service.grants)
		return FAIL(e, ENOMEM, "the grants");
	grants_configure(d->service.grants, d->service.snapshot->config);
	return 0;
}

static int run(struct daemon *d, struct err *e)
{
	struct server_options o = { .ctx = &d->service,
		.listen_fd = d->sources.inherited ? d->handed.fd : d->listener.fd,
		.handed_over = d->sources.inherited != NULL,
		.budget = BUDGET,
		.connections = &d->service.connections,
		.request_seconds = REQUEST_SECONDS,
		.on_stop = on_stop,
		.on_hangup = on_hangup,
		.on_tick = on_tick,
		.next_answer = endpoints_next_answer,
		.answer_timeout = endpoints_answer_timeout,
		.wake_fd = d->wake };

	o.endpoints = endpoints_all(&o.count);
	return server_run(&o, e);
}

static void end(struct daemon *d)
{
	lookup_pool_close(d->service.pool);
	lookup_process_stop();
	object_asks_free(d->service.objects);
	owner_sweep_end(&d->service);
	dockerd_facts_free(d->service.dockerds);
	resolver_free(d->service.resolver);
	owners_free(d->service.owners);
	expected_free(d->service.expected);
	if (d->wake >= 0)
		(void)close(d->wake);
	grants_free(d->service.grants);
	audit_stop(d->service.sinks.audit);
	mem_free(d->service.sinks.metrics);
	recent_decisions_free(&d->recent);
	plugin_socket_close(&d->listener);
	snapshot_release(d->service.snapshot);
	reload_free(d->service.reload);
}

int serve(const struct sources *sources)
{
	struct daemon d = { .sources = *sources, .listener.fd = -1, .notify.fd = -1, .wake = -1 };
	struct config *config = NULL;
	int status = EXIT_FINDINGS;
	struct err e;

	d.service.daemon = &d;
	held_requests_init(&d.service.held);
	TAILQ_INIT(&d.service.root_calls);
	d.service.put_in_force = put_in_force;
	if (open_standard_files(&e) != 0)
		goto fail;
	/* First of all: dspd itself must not have the look-ups' right. */
	if (!sources->managed && lookup_process_start(&e) != 0)
		goto fail;
	if (sources->managed && confine(&d, &e) != 0)
		goto fail;
	status = EXIT_BROKEN;
	if (!sources->managed && read_manager(&d, &e) != 0)
		goto fail;
	if (load(&d, &config, &e) != 0)
		goto fail;
	status = EXIT_FINDINGS;
	log_notices(config);
	memcpy(d.socket, config->socket, sizeof(d.socket));
	if (begin_settings(&d, config, &e) != 0)
		goto fail;
	config = NULL;
	if (bind_socket(&d, &e) != 0)
		goto fail;
	log_settings(d.service.snapshot);
	if (start_lookups(&d, &e) != 0 || start_sinks(&d, &e) != 0)
		goto fail;
	/* From here on the kernel keeps what comes, until the loop takes it. */
	notify_state(&d, NULL);
	if (run(&d, &e) != 0)
		goto fail;
	end(&d);
	log_line("stopped");
	return EXIT_FINE;
fail:
	config_free(config);
	end(&d);
	log_fault("%s", e.text);
	return status;
}
