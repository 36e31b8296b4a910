#include "dsp/server.h"

#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dsp/intake.h"
#include "dsp/mem.h"
#include "dsp/process.h"

/*
 * How it works. libmicrohttpd has an epoll set of its own, but it tells nobody when a request's
 * first byte comes, and its set wakes up once more for every reply that a peer reads. So the loop
 * sleeps on an outer set: the listening socket, the signals, and every connection for new bytes
 * (edge-triggered: epoll looks again before it reports one, so a report means that bytes wait).
 * Such a report on an idle connection starts its clock; all clocks run equally long, so a queue
 * keeps them in order. Then MHD_run does all the reading, parsing and writing that can be done.
 */

enum {
	EVENTS = 64,
	FIXED_REPLIES = 16,     /* replies with static text, built once */
	POOL_BYTES = 16 * 1024, /* per connection: for a request's head and a piece of its body */
	ACCEPT_PAUSE_MS = 100,  /* when accepting fails: the process or the system is out of something */
	LAST_WORDS_MS = 100,    /* at a stop: for requests on connections that were just made */
	QUIET_MS = 1000,        /* without an event for so long, free memory is given back */
	TRIM_PEERS = 64,        /* when so many have gone, and half of all, it is given back at once */
};

/* One connection, and the request that it carries. */
struct peer {
	TAILQ_ENTRY(peer) busy_link;
	LIST_ENTRY(peer) ended_link;
	int fd;
	bool busy;     /* a request's first byte came and its reply has not gone: in server.busy */
	bool ended;    /* the peer will send no more: in server.ended */
	bool replying; /* the reply is queued and has not gone */
	bool armed;    /* the outer set watches for room to write */
	uint64_t deadline;               /* of the request, when busy */
	const struct endpoint *endpoint; /* NULL: complaint is the answer */
	const struct reply *complaint;
	struct intake intake;
};

struct fixed_reply {
	const char *text;
	struct MHD_Response *response;
};

enum phase {
	SERVING,
	STOPPING, /* the requests in hand are finished, and what still comes in LAST_WORDS_MS */
	DONE,
};

struct server {
	const struct server_options *options;
	struct MHD_Daemon *mhd;
	int outer;
	int signals;
	enum phase phase;
	uint64_t now;       /* milliseconds, taken once a turn */
	uint64_t active_at; /* when the last event came */
	uint64_t stop_at;   /* STOPPING: not done before */
	uint64_t accept_at; /* not accepting before */
	bool listening;     /* the outer set watches the listening socket */
	bool pending;       /* MHD has more to do at once */
	bool quiesced;      /* MHD has let go of the listening socket */
	bool given_back;    /* free memory, since the last event */
	unsigned accepted;  /* in this turn */
	unsigned peers;
	unsigned most_peers; /* since memory was last given back */
	unsigned limit;      /* of peers */
	unsigned replying;   /* peers whose reply has not gone */
	unsigned armed;
	struct budget budget;
	TAILQ_HEAD(busy_list, peer) busy; /* earliest deadline first */
	LIST_HEAD(ended_list, peer) ended;
	struct fixed_reply fixed[FIXED_REPLIES];
	size_t fixed_count;
};

#define COMPLAINT(status_code, words)                                                              \
	{                                                                                          \
		.status = (status_code), .text = "{\"Err\":\"" words "\"}",                        \
		.len = sizeof("{\"Err\":\"" words "\"}") - 1,                                      \
	}

static const struct reply no_such_path = COMPLAINT(404, "dsp has no such endpoint");
static const struct reply only_post = COMPLAINT(405, "dsp's endpoints take POST only");
static const struct reply no_memory = COMPLAINT(500, "dsp is out of memory");
static const struct reply too_big = COMPLAINT(413, "the request is larger than dsp takes");
static const struct reply no_room = COMPLAINT(
	503, "dsp has too many bytes of requests in hand; try again");

/* --- the clock --------------------------------------------------------------------------------*/

static uint64_t milliseconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void begin_clock(struct server *s, struct peer *p)
{
	if (p->busy)
		return;
	p->busy = true;
	p->deadline = s->now + (uint64_t)s->options->request_seconds * 1000;
	TAILQ_INSERT_TAIL(&s->busy, p, busy_link);
}

static void end_clock(struct server *s, struct peer *p)
{
	if (!p->busy)
		return;
	p->busy = false;
	TAILQ_REMOVE(&s->busy, p, busy_link);
}

/* Cuts the connections whose request takes too long: MHD sees a hang-up, and closes them. */
static void cut_late(struct server *s)
{
	struct peer *p;

	while ((p = TAILQ_FIRST(&s->busy)) && p->deadline <= s->now) {
		end_clock(s, p);
		(void)shutdown(p->fd, SHUT_RDWR);
	}
}

/* --- what the outer set watches ---------------------------------------------------------------*/

static int watch(const struct server *s, int operation, int fd, uint32_t events, void *tag)
{
	struct epoll_event event = { .events = events, .data.ptr = tag };

	return epoll_ctl(s->outer, operation, fd, &event);
}

static void watch_peer(const struct server *s, struct peer *p, uint32_t more)
{
	(void)watch(s, EPOLL_CTL_MOD, p->fd, EPOLLIN | EPOLLRDHUP | EPOLLET | more, p);
}

/* MHD stops accepting at its limit of connections, so a loop that went on watching would spin. */
static void watch_listener(struct server *s)
{
	bool want = !s->quiesced && s->peers < s->limit && s->now >= s->accept_at;

	if (want == s->listening)
		return;
	(void)watch(s, want ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, s->options->listen_fd, EPOLLIN,
		&s->listening);
	s->listening = want;
}

/* --- connections ------------------------------------------------------------------------------*/

static int connection_fd(struct MHD_Connection *c)
{
	return MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

static struct peer *peer_begin(struct server *s, struct MHD_Connection *c)
{
	int fd = connection_fd(c);
	struct peer *p = mem_array(1, sizeof(*p));
	int waiting = 0;

	if (!p || watch(s, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLRDHUP | EPOLLET, p) != 0) {
		mem_free(p);
		(void)shutdown(fd, SHUT_RDWR);
		return NULL;
	}
	p->fd = fd;
	s->peers++;
	s->accepted++;
	if (s->peers > s->most_peers)
		s->most_peers = s->peers;
	/* MHD reads a new connection at once, before the outer set could report its bytes. */
	if (ioctl(fd, FIONREAD, &waiting) == 0 && waiting > 0)
		begin_clock(s, p);
	return p;
}

static void reply_gone(struct server *s, struct peer *p)
{
	if (p->replying)
		s->replying--;
	if (p->armed) {
		s->armed--;
		watch_peer(s, p, 0);
	}
	p->replying = false;
	p->armed = false;
}

static void peer_end(struct server *s, struct peer *p)
{
	reply_gone(s, p);
	end_clock(s, p);
	if (p->ended)
		LIST_REMOVE(p, ended_link);
	intake_drop(&p->intake, &s->budget);
	s->peers--;
	mem_free(p);
}

static void on_connection(void *cls, struct MHD_Connection *c, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	struct server *s = cls;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*context = peer_begin(s, c);
	} else if (*context) {
		peer_end(s, *context);
		*context = NULL;
	}
}

/* --- replies ----------------------------------------------------------------------------------*/

static struct MHD_Response *build(const struct reply *r, bool last)
{
	struct MHD_Response *built;

	if (r->owned)
		built = MHD_create_response_from_buffer_with_free_callback(
			r->len, r->owned, mem_free);
	else
		built = MHD_create_response_from_buffer(
			r->len, (void *)(uintptr_t)r->text, MHD_RESPMEM_PERSISTENT);
	if (!built) {
		mem_free(r->owned);
		return NULL;
	}
	if (MHD_add_response_header(built, "Content-Type", "application/json") != MHD_YES ||
		(last && MHD_add_response_header(built, "Connection", "close") != MHD_YES)) {
		MHD_destroy_response(built);
		return NULL;
	}
	return built;
}

/* Replies with static text are built once, as long as there is a place for them. */
static struct MHD_Response *find_fixed(struct server *s, const struct reply *r)
{
	struct fixed_reply *f = s->fixed;

	for (size_t i = 0; i < s->fixed_count; i++, f++) {
		if (f->text == r->text)
			return f->response;
	}
	if (s->fixed_count == FIXED_REPLIES)
		return NULL;
	f->response = build(r, false);
	if (!f->response)
		return NULL;
	f->text = r->text;
	s->fixed_count++;
	return f->response;
}

static enum MHD_Result queue(struct server *s, struct MHD_Connection *c, const struct reply *r)
{
	bool last = s->phase != SERVING;
	struct MHD_Response *response = r->owned || last ? NULL : find_fixed(s, r);
	enum MHD_Result result;

	if (response)
		return MHD_queue_response(c, r->status, response);
	response = build(r, last);
	if (!response)
		return MHD_queue_response(c, no_memory.status, find_fixed(s, &no_memory));
	result = MHD_queue_response(c, r->status, response);
	MHD_destroy_response(response);
	return result;
}

/* --- requests ---------------------------------------------------------------------------------*/

/* An error is kept until the whole request is read: dockerd takes an early reply for a break. */
static void request_begin(struct server *s, struct peer *p, const char *path, const char *method)
{
	const struct server_options *o = s->options;

	begin_clock(s, p);
	p->endpoint = NULL;
	p->complaint = &no_such_path;
	for (size_t i = 0; i < o->count; i++) {
		if (strcmp(path, o->endpoints[i].path) != 0)
			continue;
		if (strcmp(method, "POST") == 0)
			p->endpoint = &o->endpoints[i];
		else
			p->complaint = &only_post;
		break;
	}
	intake_begin(&p->intake, p->endpoint ? p->endpoint->max : 0);
}

static void expect_length(struct peer *p, struct MHD_Connection *c)
{
	const char *text = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");

	if (text)
		intake_expect(&p->intake, strtoull(text, NULL, 10));
}

static enum MHD_Result request_end(struct server *s, struct peer *p, struct MHD_Connection *c)
{
	struct reply r = { 0 };

	if (!p->endpoint)
		r = *p->complaint;
	else if (p->intake.fault == INTAKE_TOO_BIG)
		r = too_big;
	else if (p->intake.fault == INTAKE_NO_ROOM)
		r = no_room;
	else if (p->intake.fault == INTAKE_NO_MEMORY)
		r = no_memory;
	else
		p->endpoint->answer(s->options->ctx, p->intake.bytes, p->intake.len, &r);
	intake_drop(&p->intake, &s->budget);
	p->replying = true;
	s->replying++;
	return queue(s, c, &r);
}

/* MHD calls this once with the head, then with each piece of the body, then without a piece. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *path,
	const char *method, const char *version, const char *bytes, size_t *n, void **state)
{
	struct server *s = cls;
	struct peer *p = *state;

	(void)version;
	if (!p) {
		p = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
		if (!p)
			return MHD_NO;
		request_begin(s, p, path, method);
		*state = p;
		return MHD_YES;
	}
	if (*n == 0)
		return request_end(s, p, c);
	if (p->intake.len > 0 && p->intake.top == p->intake.max)
		expect_length(p, c);
	intake_take(&p->intake, &s->budget, bytes, *n);
	*n = 0;
	return MHD_YES;
}

/* The reply has gone, or the connection breaks. */
static void on_completed(
	void *cls, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode code)
{
	struct server *s = cls;
	struct peer *p = *state;

	(void)c;
	(void)code;
	if (!p)
		return;
	reply_gone(s, p);
	intake_drop(&p->intake, &s->budget);
	end_clock(s, p);
}

/* --- the loop ---------------------------------------------------------------------------------*/

static void accept_no_more(struct server *s)
{
	s->quiesced = true;
	(void)MHD_quiesce_daemon(s->mhd);
	watch_listener(s);
}

/*
 * Without a name to take away, the socket was handed over and outlives us: what waits in its
 * backlog is for the next one. Else what waits there can only be served now.
 */
static void stop_asked(struct server *s)
{
	const struct server_options *o = s->options;

	if (s->phase == STOPPING) {
		s->phase = DONE;
		return;
	}
	s->phase = STOPPING;
	s->stop_at = s->now + LAST_WORDS_MS;
	if (o->stopping)
		o->stopping(o->ctx);
	else
		accept_no_more(s);
}

static void take_signal(struct server *s)
{
	struct signalfd_siginfo info;

	if (read(s->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		(void)fputs("dsp: SIGHUP: the settings cannot be read again yet; restart dsp\n",
			stderr);
	else
		stop_asked(s);
}

static void take_event(struct server *s, const struct epoll_event *event)
{
	struct peer *p = event->data.ptr;

	if (event->data.ptr == &s->listening)
		return;
	if (event->data.ptr == &s->signals) {
		take_signal(s);
		return;
	}
	if ((event->events & EPOLLHUP) != 0)
		return;
	if ((event->events & EPOLLIN) != 0 && (event->events & EPOLLRDHUP) == 0) {
		begin_clock(s, p);
	} else if ((event->events & EPOLLRDHUP) != 0 && !p->ended) {
		p->ended = true;
		LIST_INSERT_HEAD(&s->ended, p, ended_link);
	}
}

/*
 * For when MHD has nothing to do: what it will not do by itself. It may never read the end of a
 * peer that has closed its half, and the outer set does not wake up for room to write.
 */
static void settle(struct server *s)
{
	struct peer *p;
	struct peer *next;

	for (p = LIST_FIRST(&s->ended); p; p = next) {
		next = LIST_NEXT(p, ended_link);
		if (p->replying)
			continue;
		LIST_REMOVE(p, ended_link);
		p->ended = false;
		(void)shutdown(p->fd, SHUT_RDWR);
	}
	if (s->replying == s->armed)
		return;
	TAILQ_FOREACH (p, &s->busy, busy_link) {
		if (!p->replying || p->armed)
			continue;
		p->armed = true;
		s->armed++;
		watch_peer(s, p, EPOLLOUT);
	}
}

static void advance_stop(struct server *s)
{
	if (s->phase != STOPPING || s->now < s->stop_at)
		return;
	if (!s->quiesced)
		accept_no_more(s);
	if (TAILQ_EMPTY(&s->busy))
		s->phase = DONE;
}

/* At once when many connections have gone, else when it is quiet. */
static void give_back(struct server *s)
{
	bool quiet = !s->given_back && s->now >= s->active_at + QUIET_MS;

	if (!quiet && s->most_peers <= 2 * s->peers + TRIM_PEERS)
		return;
	process_give_back_memory();
	s->given_back = quiet;
	s->most_peers = s->peers;
}

static int earlier(int wait, uint64_t now, uint64_t then)
{
	uint64_t left = then > now ? then - now : 0;

	if (left > INT_MAX)
		return wait;
	return wait < 0 || (int)left < wait ? (int)left : wait;
}

static int wait_for(const struct server *s)
{
	const struct peer *first = TAILQ_FIRST(&s->busy);
	int wait = -1;

	if (s->pending)
		return 0;
	if (first)
		wait = earlier(wait, s->now, first->deadline);
	if (s->accept_at > s->now)
		wait = earlier(wait, s->now, s->accept_at);
	if (s->stop_at > s->now)
		wait = earlier(wait, s->now, s->stop_at);
	if (!s->given_back)
		wait = earlier(wait, s->now, s->active_at + QUIET_MS);
	return wait;
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
		s->accept_at = s->now + ACCEPT_PAUSE_MS;
	else
		s->pending = true;
}

static int turn(struct server *s, struct err *e)
{
	struct epoll_event events[EVENTS];
	bool listener = false;
	MHD_UNSIGNED_LONG_LONG none;
	int count = epoll_wait(s->outer, events, EVENTS, wait_for(s));

	if (count < 0 && errno != EINTR)
		return FAIL(e, errno, "epoll_wait");
	s->now = milliseconds();
	s->accepted = 0;
	if (count > 0) {
		s->active_at = s->now;
		s->given_back = false;
	}
	for (int i = 0; i < count; i++) {
		listener = listener || events[i].data.ptr == &s->listening;
		take_event(s, &events[i]);
	}
	(void)MHD_run(s->mhd);
	s->pending = MHD_get_timeout(s->mhd, &none) == MHD_YES;
	if (!s->pending)
		settle(s);
	cut_late(s);
	if (listener && s->accepted == 0 && !s->quiesced)
		accept_for_mhd(s);
	advance_stop(s);
	watch_listener(s);
	give_back(s);
	return 0;
}

/* --- start and end ----------------------------------------------------------------------------*/

static int start(struct server *s, struct err *e)
{
	const struct server_options *o = s->options;

	process_tune_memory();
	s->signals = process_signals(e);
	if (s->signals < 0)
		return -1;
	s->outer = epoll_create1(EPOLL_CLOEXEC);
	if (s->outer < 0 || watch(s, EPOLL_CTL_ADD, s->signals, EPOLLIN, &s->signals) != 0 ||
		watch(s, EPOLL_CTL_ADD, o->listen_fd, EPOLLIN, &s->listening) != 0)
		return FAIL(e, errno, "epoll");
	s->listening = true;
	s->mhd = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_TURBO | MHD_USE_SUPPRESS_DATE_NO_CLOCK, 0,
		NULL, NULL, on_request, s, MHD_OPTION_LISTEN_SOCKET, o->listen_fd,
		MHD_OPTION_CONNECTION_LIMIT, s->limit, MHD_OPTION_CONNECTION_TIMEOUT, 0U,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, s, MHD_OPTION_END);
	if (!s->mhd)
		return FAIL(e, 0, "libmicrohttpd did not start");
	return find_fixed(s, &no_memory) ? 0 : FAIL(e, ENOMEM, "libmicrohttpd");
}

static void end(struct server *s)
{
	if (s->mhd) {
		/* Quiesced, it neither closes nor shuts down the listening socket. */
		(void)MHD_quiesce_daemon(s->mhd);
		MHD_stop_daemon(s->mhd);
	}
	for (size_t i = 0; i < s->fixed_count; i++)
		MHD_destroy_response(s->fixed[i].response);
	if (s->outer >= 0)
		(void)close(s->outer);
	if (s->signals >= 0)
		(void)close(s->signals);
}

int server_run(const struct server_options *options, struct err *e)
{
	struct server s = {
		.options = options,
		.outer = -1,
		.signals = -1,
		.now = milliseconds(),
		.limit = process_raise_files(),
		.budget = { .limit = options->budget },
	};
	int result;

	TAILQ_INIT(&s.busy);
	LIST_INIT(&s.ended);
	result = start(&s, e);
	while (result == 0 && s.phase != DONE)
		result = turn(&s, e);
	end(&s);
	return result;
}
