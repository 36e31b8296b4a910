#include "server.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "accept_once.h"
#include "dsp/system/clock.h"
#include "dsp/system/log.h"
#include "dsp/system/program_pages.h"
#include "dsp/system/rlimits.h"
#include "dsp/system/signals.h"
#include "http.h"

/*
 * The loop sleeps in the epoll set of libmicrohttpd (MHD), and MHD reads, parses and writes. That
 * set has the outer set as a member. The outer set watches what MHD does not: signals, answers that
 * come later, clients that hang up, and the listening socket when MHD cannot accept. The time-out
 * of a request starts with its first line: a client that sends half of that line waits as an idle
 * client does.
 */

enum {
	EVENTS = 64,
	POOL_BYTES = 8 * 1024, /* per connection: for a request's head and a piece of its body */
	ACCEPT_PAUSE_MS =
		100, /* when accepting fails: the process or the system is out of something */
	LAST_WORDS_MS = 100, /* at a stop: for requests on connections that were just made */
	QUIET_MS = 1000,     /* without an event for so long, free memory goes back */
	MANY = 16,           /* when so many connections have gone, and half of all: at once */
};

enum phase {
	SERVING,
	STOPPING, /* the requests in hand are finished, and what still comes in LAST_WORDS_MS */
	DONE,
};

struct server {
	const struct server_options *options;
	struct MHD_Daemon *mhd;
	struct http http;
	int signals;
	unsigned limit; /* of connections */
	enum phase phase;
	uint64_t stop_at;   /* STOPPING: not done before */
	uint64_t stop_by;   /* STOPPING: for the backlog no longer than this */
	uint64_t accept_at; /* not accepting before */
	uint64_t tick_at;   /* when there are ticks; 0: when next something comes */
	uint64_t looked_at; /* when the outer set was read last */
	uint64_t trim_at;   /* when free memory goes back if it stays quiet; 0: it has */
	unsigned most;      /* connections since it last did */
	bool listening;     /* the outer set watches the listening socket */
	bool to_accept;     /* a client waits there, and MHD has accepted none since it looked */
	bool pending;       /* MHD has more to do at once */
	bool started;       /* what the start alone needed is given back */
	bool quiesced;      /* MHD has let go of the listening socket */
};

static uint64_t now(const struct server *s)
{
	return s->http.connections.now;
}

static int watch(const struct server *s, int operation, int fd, void *tag)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = tag };

	return epoll_ctl(s->http.connections.epoll, operation, fd, &event);
}

/* --- accepting --------------------------------------------------------------------------------*/

/* MHD stops accepting at its limit of connections, so a loop that went on watching would spin. */
static void watch_listener(struct server *s)
{
	bool want = !s->quiesced && s->http.connections.count < s->limit && now(s) >= s->accept_at;

	if (want == s->listening)
		return;
	(void)watch(s, want ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, s->options->listen_fd, &s->listening);
	s->listening = want;
}

/*
 * When MHD fails to accept because something ran out, it does not try again before one of its
 * connections has gone, and those that dockerd keeps never go.
 */
static void accept_for_mhd(struct server *s)
{
	int fd = accept4(s->options->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct sockaddr peer = { .sa_family = AF_UNIX };

	if (fd < 0 || MHD_add_connection(s->mhd, fd, &peer, sizeof(peer)) != MHD_YES)
		s->accept_at = now(s) + ACCEPT_PAUSE_MS;
	else
		s->pending = true;
}

static void stop_accepting(struct server *s)
{
	s->quiesced = true;
	(void)MHD_quiesce_daemon(s->mhd);
	watch_listener(s);
}

/* --- a stop -----------------------------------------------------------------------------------*/

/*
 * A socket from the service manager outlives dspd: the next dspd accepts what waits in its backlog.
 * Without one, dspd must answer what waits now. A second signal ends it at once.
 */
static void begin_stop(struct server *s)
{
	const struct server_options *o = s->options;

	if (s->phase == STOPPING) {
		s->phase = DONE;
		return;
	}
	s->phase = STOPPING;
	s->http.stopping = true;
	s->stop_at = now(s) + LAST_WORDS_MS;
	s->stop_by = now(s) + s->http.connections.request_ms;
	if (o->on_stop)
		o->on_stop(o->ctx);
	if (o->handed_over)
		stop_accepting(s);
}

static bool has_requests(const struct server *s)
{
	return !TAILQ_EMPTY(&s->http.connections.busy) || !LIST_EMPTY(&s->http.pending);
}

/*
 * The socket's name is gone, so the backlog comes to an end; on a busy machine not soon, and at the
 * limit of connections only as others end.
 */
static bool has_backlog(const struct server *s)
{
	struct pollfd listener = { .fd = s->options->listen_fd, .events = POLLIN };

	if (s->quiesced || now(s) >= s->stop_by)
		return false;
	if (s->http.accepted > 0)
		return true;
	return (s->http.connections.count < s->limit || has_requests(s)) &&
		poll(&listener, 1, 0) > 0;
}

static void advance_stop(struct server *s)
{
	if (s->phase != STOPPING || now(s) < s->stop_at)
		return;
	if (has_backlog(s)) {
		s->stop_at = now(s) + LAST_WORDS_MS;
		return;
	}
	if (!s->quiesced)
		stop_accepting(s);
	if (!has_requests(s))
		s->phase = DONE;
}

/* --- the loop ---------------------------------------------------------------------------------*/

static void read_signal(struct server *s)
{
	const struct server_options *o = s->options;
	struct signalfd_siginfo info;

	if (read(s->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo != SIGHUP)
		begin_stop(s);
	else if (o->on_hangup)
		o->on_hangup(o->ctx);
	else
		log_line("SIGHUP: no env file and no policy file to read again");
}

/* Milliseconds until the loop must go round even if nothing comes; -1: never. */
static int wait_for(const struct server *s)
{
	const struct connection *first = TAILQ_FIRST(&s->http.connections.busy);
	const uint64_t times[] = { first ? first->deadline : 0,
		s->accept_at > now(s) ? s->accept_at : 0, s->stop_at > now(s) ? s->stop_at : 0,
		s->options->on_tick ? s->tick_at : 0, s->trim_at };
	int wait = s->pending || s->to_accept || s->http.connections.has_ended ? 0 : -1;

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		if (times[i] > 0)
			wait = clock_earlier(wait, now(s), times[i]);
	}
	if (!LIST_EMPTY(&s->http.pending)) {
		int more = s->options->answer_timeout(s->options->ctx);

		if (more >= 0)
			wait = clock_earlier(wait, 0, (uint64_t)more);
	}
	return wait;
}

/* Waits for so many milliseconds (-1: without end) until something comes, in either set. */
static void run_mhd(struct server *s, int wait)
{
	MHD_UNSIGNED_LONG_LONG none;

	(void)MHD_run_wait(s->mhd, wait);
	s->pending = MHD_get_timeout(s->mhd, &none) == MHD_YES;
}

/* Gives free memory back to the system. That takes milliseconds, so not while dspd is busy. */
static void trim_memory(struct server *s)
{
	unsigned count = s->http.connections.count;
	bool quiet = s->trim_at > 0 && now(s) >= s->trim_at;

	if (count > s->most)
		s->most = count;
	if (!quiet && s->most <= 2 * count + MANY)
		return;
	(void)malloc_trim(0);
	if (quiet && !s->started)
		program_pages_release();
	s->started = s->started || quiet;
	if (quiet)
		s->trim_at = 0;
	s->most = count;
}

/*
 * At the end of a round, when all that came has been read, answered and written as far as it can
 * be. A loop that turns may still serve nobody, but only as long as it says so: with no descriptor
 * left it tries to accept again, what the lookups owe is refused in time, and a request that does
 * not come to its end is cut. A new process would not help.
 */
static void tick(struct server *s)
{
	const struct server_options *o = s->options;
	unsigned again;

	if (!o->on_tick || now(s) < s->tick_at)
		return;
	again = o->on_tick(o->ctx);
	s->tick_at = again > 0 ? now(s) + again : 0;
}

/* Handles what came in the outer set. -1 and e: it cannot be read. */
static int read_events(struct server *s, bool *answered, struct err *e)
{
	struct epoll_event events[EVENTS];
	int count = epoll_wait(s->http.connections.epoll, events, EVENTS, 0);

	s->looked_at = now(s);
	if (count < 0 && errno != EINTR)
		return FAIL(e, errno, "epoll_wait");
	for (int i = 0; i < count; i++) {
		void *tag = events[i].data.ptr;

		if (tag == &s->signals)
			read_signal(s);
		else if (tag == &s->listening)
			s->to_accept = s->http.accepted == 0;
		else if (tag == &s->http.pending)
			*answered = true;
		else
			connections_on_event(&s->http.connections, tag, events[i].events);
		s->http.came = true;
	}
	return 0;
}

/*
 * MHD goes on to watch a listening socket from which it cannot accept where it has no connection:
 * then nothing else comes in its set, and the loop waits for the outer one alone.
 */
static int wait_to_accept(const struct server *s, int wait)
{
	struct pollfd outer = { .fd = s->http.connections.epoll, .events = POLLIN };

	if (s->http.connections.count > 0 || now(s) >= s->accept_at)
		return wait;
	(void)poll(&outer, 1, wait);
	return 0;
}

/* One round: wait, read what came, answer, write. */
static int turn(struct server *s, struct err *e)
{
	struct connections *all = &s->http.connections;
	bool to_accept = s->to_accept;
	bool answered = !LIST_EMPTY(&s->http.pending);
	int wait = wait_to_accept(s, wait_for(s));

	s->to_accept = false;
	accept_once_again();
	s->http.accepted = 0;
	s->http.came = false;
	run_mhd(s, wait);
	all->now = clock_about();
	if (to_accept && s->http.accepted == 0 && !s->quiesced)
		accept_for_mhd(s);
	if (!s->pending)
		connections_cut_ended(all);
	/* While much comes in MHD's set, the outer set waits for the next tick of the clock. */
	if ((!s->http.came || now(s) != s->looked_at) && read_events(s, &answered, e) != 0)
		return -1;
	if (s->http.came)
		s->trim_at = now(s) + QUIET_MS;
	if (answered || all->hung_up)
		http_send_answers(&s->http);
	if (s->http.resumed)
		run_mhd(s, 0);
	s->http.resumed = false;
	if (!s->pending)
		connections_settle(all);
	connections_expire(all);
	advance_stop(s);
	watch_listener(s);
	trim_memory(s);
	tick(s);
	return 0;
}

/* --- start and end ----------------------------------------------------------------------------*/

/*
 * Left alone, glibc takes the size of the largest body it ever freed as the size from which it
 * maps memory, and keeps everything smaller. Fixed limits let big bodies go back at once; the
 * second is wide enough that the bodies of a busy moment do not come and go page by page.
 */
static void limit_kept_memory(void)
{
	/* NOLINTBEGIN(concurrency-mt-unsafe): one thread */
	(void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	(void)mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
	/* NOLINTEND(concurrency-mt-unsafe) */
}

static int start(struct server *s, struct err *e)
{
	const struct server_options *o = s->options;
	struct http *h = &s->http;

	limit_kept_memory();
	if (responses_init(&h->responses, e) != 0)
		return -1;
	s->signals = signals_open(e);
	if (s->signals < 0)
		return -1;
	connections_init(
		&h->connections, epoll_create1(EPOLL_CLOEXEC), (uint64_t)o->request_seconds * 1000);
	h->connections.now = s->tick_at = clock_about();
	s->trim_at = now(s) + QUIET_MS;
	if (h->connections.epoll < 0 || watch(s, EPOLL_CTL_ADD, s->signals, &s->signals) != 0 ||
		watch(s, EPOLL_CTL_ADD, o->listen_fd, &s->listening) != 0)
		return FAIL(e, errno, "epoll");
	s->listening = true;
	if (o->next_answer && watch(s, EPOLL_CTL_ADD, o->wake_fd, &h->pending) != 0)
		return FAIL(e, errno, "epoll");
	s->mhd = MHD_start_daemon(MHD_ALLOW_SUSPEND_RESUME | MHD_USE_EPOLL | MHD_USE_TURBO |
			MHD_USE_SUPPRESS_DATE_NO_CLOCK,
		0, NULL, NULL, http_on_request, h, MHD_OPTION_LISTEN_SOCKET, o->listen_fd,
		MHD_OPTION_CONNECTION_LIMIT, s->limit, MHD_OPTION_CONNECTION_TIMEOUT, 0U,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES,
		MHD_OPTION_NOTIFY_CONNECTION, http_on_connection, h, MHD_OPTION_NOTIFY_COMPLETED,
		http_on_completed, h, MHD_OPTION_URI_LOG_CALLBACK, http_on_first_line, h,
		MHD_OPTION_END);
	if (!s->mhd)
		return FAIL(e, 0, "libmicrohttpd did not start");
	return mhd_set_open(&h->connections.mhd, s->mhd, h->connections.epoll, e);
}

static void end(struct server *s)
{
	http_resume_all(&s->http);
	if (s->mhd) {
		/* Quiesced, it neither closes nor shuts down the listening socket. */
		(void)MHD_quiesce_daemon(s->mhd);
		MHD_stop_daemon(s->mhd);
	}
	responses_free(&s->http.responses);
	if (s->http.connections.epoll >= 0)
		(void)close(s->http.connections.epoll);
	if (s->signals >= 0)
		(void)close(s->signals);
}

int server_run(const struct server_options *options, struct err *e)
{
	struct server s = {
		.options = options,
		.http = { .options = options,
			.connections.epoll = -1,
			.budget.limit = options->budget },
		.signals = -1,
		.limit = rlimits_raise_files(),
	};
	int result;

	result = start(&s, e);
	while (result == 0 && s.phase != DONE)
		result = turn(&s, e);
	end(&s);
	return result;
}
