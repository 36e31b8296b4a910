#include "server.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "body_buffer.h"
#include "connections.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/span.h"
#include "dsp/system/clock.h"
#include "dsp/system/log.h"
#include "dsp/system/rlimits.h"
#include "dsp/system/signals.h"
#include "dsp/system/unix_socket.h"
#include "memory_trim.h"
#include "responses.h"

/*
 * libmicrohttpd (MHD) has an epoll set of its own, but it tells nobody when a request's first byte
 * comes, and it wakes up once more for every reply that a peer reads. So the loop sleeps on an
 * outer set: the listening socket, the signals, and each connection for new bytes, which start
 * the request's clock. Then MHD_run does all the reading, parsing and writing that can be done.
 * One thing stays unseen: bytes that are no whole head and came right behind a whole request, in
 * one piece with it, or between a look for bytes (the accept's, or the outer set's) and MHD's read.
 * Their clock starts with the next byte, or they wait as an idle peer does.
 */

enum {
	EVENTS = 64,
	POOL_BYTES = 12 * 1024, /* per connection: for a request's head and a piece of its body */
	ACCEPT_PAUSE_MS =
		100, /* when accepting fails: the process or the system is out of something */
	LAST_WORDS_MS = 100, /* at a stop: for requests on connections that were just made */
};

/* One connection, and the request that it carries. */
struct client {
	struct peer peer;
	struct MHD_Connection *connection;
	LIST_ENTRY(client) waiting_link;
	const struct endpoint *endpoint; /* NULL: complaint is the answer */
	const struct reply *complaint;
	struct intake intake;
	struct call call;
	bool waiting;  /* for its call's answer, suspended */
	bool answered; /* it has come, and is not sent yet */
	char nothing;  /* an empty body */
};

LIST_HEAD(clients, client);

enum phase {
	SERVING,
	STOPPING, /* the requests in hand are finished, and what still comes in LAST_WORDS_MS */
	DONE,
};

struct server {
	const struct server_options *options;
	struct MHD_Daemon *mhd;
	int signals;
	enum phase phase;
	uint64_t stop_at;   /* STOPPING: not done before */
	uint64_t stop_by;   /* STOPPING: for the backlog no longer than this */
	uint64_t accept_at; /* not accepting before */
	uint64_t tick_at;   /* when there are ticks; 0: when next something comes */
	bool listening;     /* the outer set watches the listening socket */
	bool pending;       /* MHD has more to do at once */
	bool quiesced;      /* MHD has let go of the listening socket */
	unsigned accepted;  /* in this turn */
	bool woken;         /* an answer has come */
	bool fresh;         /* connections were made since MHD last had nothing to do */
	unsigned limit;     /* of connections */
	struct peers peers;
	struct clients waiting; /* for answers that come later */
	struct budget budget;
	struct trim trim;
	struct responses responses;
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

static const struct reply *const faults[] = {
	[INTAKE_FINE] = NULL,
	[INTAKE_TOO_BIG] = &too_big,
	[INTAKE_NO_ROOM] = &no_room,
	[INTAKE_NO_MEMORY] = &no_memory,
};

/* --- what the outer set watches ---------------------------------------------------------------*/

static int watch(const struct server *s, int operation, int fd, void *tag)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = tag };

	return epoll_ctl(s->peers.epoll, operation, fd, &event);
}

/* MHD stops accepting at its limit of connections, so a loop that went on watching would spin. */
static void watch_listener(struct server *s)
{
	bool want = !s->quiesced && s->peers.count < s->limit && s->peers.now >= s->accept_at;

	if (want == s->listening)
		return;
	(void)watch(s, want ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, s->options->listen_fd, &s->listening);
	s->listening = want;
}

/* --- connections ------------------------------------------------------------------------------*/

static struct client *client_begin(struct server *s, struct MHD_Connection *c)
{
	int fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	struct client *client = mem_array(1, sizeof(*client));

	if (!client || peers_add(&s->peers, &client->peer, fd) != 0) {
		mem_free(client);
		(void)shutdown(fd, SHUT_RDWR);
		return NULL;
	}
	client->connection = c;
	client->call.peer = unix_socket_peer(fd);
	s->accepted++;
	s->fresh = true;
	trim_active(&s->trim, s->peers.now, s->peers.count);
	if (s->options->connections)
		*s->options->connections = s->peers.count;
	return client;
}

static void client_end(struct server *s, struct client *client)
{
	peers_remove(&s->peers, &client->peer);
	if (s->options->connections)
		*s->options->connections = s->peers.count;
	intake_drop(&client->intake, &s->budget);
	mem_free(client);
}

static void on_connection(void *cls, struct MHD_Connection *c, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		*context = client_begin(cls, c);
	else if (*context)
		client_end(cls, *context);
}

/* --- requests ---------------------------------------------------------------------------------*/

/* An error is kept until the whole request is read: dockerd takes an early reply for a break. */
static void request_begin(
	struct server *s, struct client *client, const char *path, const char *method)
{
	const struct server_options *o = s->options;

	peers_request(&s->peers, &client->peer);
	client->endpoint = NULL;
	client->complaint = &no_such_path;
	for (size_t i = 0; i < o->count; i++) {
		if (strcmp(path, o->endpoints[i].path) != 0)
			continue;
		if (strcmp(method, "POST") == 0)
			client->endpoint = &o->endpoints[i];
		else
			client->complaint = &only_post;
		break;
	}
	client->call.state = NULL;
	client->call.argument = NULL;
	if (client->endpoint && client->endpoint->argument)
		client->call.argument = MHD_lookup_connection_value(
			client->connection, MHD_GET_ARGUMENT_KIND, client->endpoint->argument);
	intake_begin(&client->intake, client->endpoint ? client->endpoint->max : 0);
}

/* The claimed length is only looked up for bodies that come in more than one piece. */
static void request_take(
	struct server *s, struct client *client, struct MHD_Connection *c, struct span piece)
{
	struct intake *in = &client->intake;
	const char *claimed = NULL;

	if (client->endpoint && client->endpoint->take) {
		client->endpoint->take(s->options->ctx, &client->call, piece.s, piece.n);
		return;
	}
	if (in->len > 0 && in->top == in->max)
		claimed = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");
	if (claimed)
		intake_expect(in, strtoull(claimed, NULL, 10));
	intake_take(in, &s->budget, piece.s, piece.n);
}

static enum MHD_Result reply_to(struct server *s, struct client *client, const struct reply *r)
{
	client->answered = false;
	intake_drop(&client->intake, &s->budget);
	peers_reply(&s->peers, &client->peer);
	return responses_queue(&s->responses, client->connection, r, s->phase != SERVING) ? MHD_YES
											  : MHD_NO;
}

/* Nothing is read from the peer, and no clock runs, until call_resume. */
static enum MHD_Result call_suspend(struct server *s, struct client *client)
{
	client->waiting = true;
	LIST_INSERT_HEAD(&s->waiting, client, waiting_link);
	peers_wait(&s->peers, &client->peer);
	MHD_suspend_connection(client->connection);
	return MHD_YES;
}

/* MHD calls request_end once more. */
static void call_resume(struct server *s, struct client *client)
{
	LIST_REMOVE(client, waiting_link);
	client->waiting = false;
	client->answered = true;
	s->fresh = true; /* MHD has it in its set no more: see run_mhd */
	peers_go_on(&s->peers, &client->peer);
	MHD_resume_connection(client->connection);
}

/* The connection breaks before the answer has come, or was sent. */
static void call_cut(struct server *s, struct client *client)
{
	if (client->waiting) {
		LIST_REMOVE(client, waiting_link);
		client->endpoint->drop(s->options->ctx, &client->call);
	} else if (client->answered) {
		mem_free(client->call.reply.owned);
	} else if (client->endpoint && client->endpoint->take && client->call.state) {
		client->endpoint->drop(s->options->ctx, &client->call);
	}
	client->waiting = client->answered = false;
}

static enum MHD_Result request_end(struct server *s, struct client *client)
{
	struct intake *in = &client->intake;

	if (client->answered)
		return reply_to(s, client, &client->call.reply);
	if (!client->endpoint)
		return reply_to(s, client, client->complaint);
	if (faults[in->fault])
		return reply_to(s, client, faults[in->fault]);
	client->call.body = in->bytes ? in->bytes : &client->nothing;
	client->call.len = in->len;
	if (client->endpoint->answer(s->options->ctx, &client->call) == ANSWER_LATER)
		return call_suspend(s, client);
	return reply_to(s, client, &client->call.reply);
}

/* MHD calls this once with the head, then with each piece of the body, then without a piece. */
/* NOLINTNEXTLINE(readability-function-size): the parameters are MHD's. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *path,
	const char *method, const char *version, const char *bytes, size_t *n, void **state)
{
	struct server *s = cls;
	struct client *client = *state;

	(void)version;
	if (!client) {
		client = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
				 ->socket_context;
		if (!client)
			return MHD_NO;
		request_begin(s, client, path, method);
		*state = client;
		return MHD_YES;
	}
	if (*n == 0)
		return request_end(s, client);
	request_take(s, client, c, (struct span){ bytes, *n });
	*n = 0;
	return MHD_YES;
}

/* The reply has gone, or the connection breaks. */
static void on_completed(
	void *cls, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode code)
{
	struct server *s = cls;
	struct client *client = *state;

	(void)c;
	(void)code;
	if (!client)
		return;
	call_cut(s, client);
	intake_drop(&client->intake, &s->budget);
	peers_idle(&s->peers, &client->peer);
}

/* --- the loop ---------------------------------------------------------------------------------*/

static void accept_no_more(struct server *s)
{
	s->quiesced = true;
	(void)MHD_quiesce_daemon(s->mhd);
	watch_listener(s);
}

/*
 * A socket that was handed over outlives us: what waits in its backlog is for the next one. Else
 * what waits there can only be served now.
 */
static void stop_asked(struct server *s)
{
	const struct server_options *o = s->options;

	if (s->phase == STOPPING) {
		s->phase = DONE;
		return;
	}
	s->phase = STOPPING;
	s->stop_at = s->peers.now + LAST_WORDS_MS;
	s->stop_by = s->peers.now + s->peers.request_ms;
	if (o->stopping)
		o->stopping(o->ctx);
	if (o->handed_over)
		accept_no_more(s);
}

static void hang_up(const struct server_options *o)
{
	if (o->hangup)
		o->hangup(o->ctx);
	else
		log_line("SIGHUP: there is nothing to read anew");
}

static void take_signal(struct server *s)
{
	struct signalfd_siginfo info;

	if (read(s->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		hang_up(s->options);
	else
		stop_asked(s);
}

static void take_event(struct server *s, const struct epoll_event *event)
{
	if (event->data.ptr == &s->signals)
		take_signal(s);
	else if (event->data.ptr == &s->waiting)
		s->woken = true;
	else if (event->data.ptr != &s->listening)
		peers_event(&s->peers, event->data.ptr, event->events);
}

static bool in_hand(const struct server *s)
{
	return !TAILQ_EMPTY(&s->peers.busy) || !LIST_EMPTY(&s->waiting);
}

/*
 * The socket's name is gone, so the backlog comes to an end; on a busy machine not soon, and at the
 * limit of connections only as others end.
 */
static bool backlog_waits(const struct server *s)
{
	struct pollfd listener = { .fd = s->options->listen_fd, .events = POLLIN };

	if (s->quiesced || s->peers.now >= s->stop_by)
		return false;
	if (s->accepted > 0)
		return true;
	return (s->peers.count < s->limit || in_hand(s)) && poll(&listener, 1, 0) > 0;
}

static void advance_stop(struct server *s)
{
	if (s->phase != STOPPING || s->peers.now < s->stop_at)
		return;
	if (backlog_waits(s)) {
		s->stop_at = s->peers.now + LAST_WORDS_MS;
		return;
	}
	if (!s->quiesced)
		accept_no_more(s);
	if (!in_hand(s))
		s->phase = DONE;
}

static int wait_for(const struct server *s)
{
	const struct peer *first = TAILQ_FIRST(&s->peers.busy);
	int wait = -1;

	if (s->pending)
		return 0;
	if (first)
		wait = clock_earlier(wait, s->peers.now, first->deadline);
	if (s->accept_at > s->peers.now)
		wait = clock_earlier(wait, s->peers.now, s->accept_at);
	if (s->stop_at > s->peers.now)
		wait = clock_earlier(wait, s->peers.now, s->stop_at);
	if (s->options->tick && s->tick_at > 0)
		wait = clock_earlier(wait, s->peers.now, s->tick_at);
	if (!LIST_EMPTY(&s->waiting)) {
		int more = s->options->wait(s->options->ctx);

		if (more >= 0)
			wait = clock_earlier(wait, 0, (uint64_t)more);
	}
	return trim_wait(&s->trim, s->peers.now, wait);
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
		s->accept_at = s->peers.now + ACCEPT_PAUSE_MS;
	else
		s->pending = true;
}

static void run_mhd(struct server *s)
{
	MHD_UNSIGNED_LONG_LONG none;

	(void)MHD_run(s->mhd);
	s->pending = MHD_get_timeout(s->mhd, &none) == MHD_YES;
	/*
	 * MHD takes a connection into its own set only when it first waits for it. Bytes that came
	 * before have woken the outer set, which does not wake again; so look once more.
	 */
	if (s->fresh && !s->pending) {
		s->fresh = false;
		s->pending = true;
	}
}

static void take_answers(struct server *s)
{
	struct call *call;

	if (!s->woken && LIST_EMPTY(&s->waiting))
		return;
	s->woken = false;
	while ((call = s->options->finished(s->options->ctx)) != NULL)
		call_resume(s, (void *)((char *)call - offsetof(struct client, call)));
}

/*
 * At the end of a turn, when all that came has been read, answered and written as far as it can be.
 * A loop that turns may still serve nobody, but only as long as it says so: with no descriptor
 * left it tries to accept again, what the lookups owe is refused in time, and a request that does
 * not come to its end is cut. A new process would mend none of these.
 */
static void tick(struct server *s)
{
	const struct server_options *o = s->options;
	unsigned again;

	if (!o->tick || s->peers.now < s->tick_at)
		return;
	again = o->tick(o->ctx);
	s->tick_at = again > 0 ? s->peers.now + again : 0;
}

static int turn(struct server *s, struct err *e)
{
	struct epoll_event events[EVENTS];
	bool listener = false;
	int count = epoll_wait(s->peers.epoll, events, EVENTS, wait_for(s));

	if (count < 0 && errno != EINTR)
		return FAIL(e, errno, "epoll_wait");
	s->peers.now = clock_about();
	s->accepted = 0;
	if (count > 0)
		trim_active(&s->trim, s->peers.now, s->peers.count);
	for (int i = 0; i < count; i++) {
		listener = listener || events[i].data.ptr == &s->listening;
		take_event(s, &events[i]);
	}
	take_answers(s);
	run_mhd(s);
	if (!s->pending)
		peers_settle(&s->peers);
	peers_cut_late(&s->peers);
	if (listener && s->accepted == 0 && !s->quiesced)
		accept_for_mhd(s);
	advance_stop(s);
	watch_listener(s);
	trim_turn(&s->trim, s->peers.now, s->peers.count);
	tick(s);
	return 0;
}

/* --- start and end ----------------------------------------------------------------------------*/

static int start(struct server *s, struct err *e)
{
	const struct server_options *o = s->options;

	memory_trim_tune();
	if (responses_init(&s->responses, e) != 0)
		return -1;
	s->signals = signals_open(e);
	if (s->signals < 0)
		return -1;
	peers_init(&s->peers, epoll_create1(EPOLL_CLOEXEC), (uint64_t)o->request_seconds * 1000);
	s->peers.now = s->tick_at = clock_about();
	if (s->peers.epoll < 0 || watch(s, EPOLL_CTL_ADD, s->signals, &s->signals) != 0 ||
		watch(s, EPOLL_CTL_ADD, o->listen_fd, &s->listening) != 0)
		return FAIL(e, errno, "epoll");
	s->listening = true;
	if (o->finished && watch(s, EPOLL_CTL_ADD, o->wake_fd, &s->waiting) != 0)
		return FAIL(e, errno, "epoll");
	s->mhd = MHD_start_daemon(MHD_ALLOW_SUSPEND_RESUME | MHD_USE_EPOLL | MHD_USE_TURBO |
			MHD_USE_SUPPRESS_DATE_NO_CLOCK,
		0, NULL, NULL, on_request, s, MHD_OPTION_LISTEN_SOCKET, o->listen_fd,
		MHD_OPTION_CONNECTION_LIMIT, s->limit, MHD_OPTION_CONNECTION_TIMEOUT, 0U,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, s, MHD_OPTION_END);
	if (!s->mhd)
		return FAIL(e, 0, "libmicrohttpd did not start");
	return 0;
}

static void end(struct server *s)
{
	struct client *client;

	/* MHD does not stop over suspended connections; resumed, it cuts them as the others. */
	LIST_FOREACH (client, &s->waiting, waiting_link)
		MHD_resume_connection(client->connection);
	if (s->mhd) {
		/* Quiesced, it neither closes nor shuts down the listening socket. */
		(void)MHD_quiesce_daemon(s->mhd);
		MHD_stop_daemon(s->mhd);
	}
	responses_free(&s->responses);
	if (s->peers.epoll >= 0)
		(void)close(s->peers.epoll);
	if (s->signals >= 0)
		(void)close(s->signals);
}

int server_run(const struct server_options *options, struct err *e)
{
	struct server s = {
		.options = options,
		.peers = { .epoll = -1 },
		.signals = -1,
		.limit = rlimits_raise_files(),
		.budget = { .limit = options->budget },
	};
	int result;

	result = start(&s, e);
	while (result == 0 && s.phase != DONE)
		result = turn(&s, e);
	end(&s);
	return result;
}
