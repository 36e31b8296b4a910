/*
 * A closed-loop load generator for AuthZ plugins on a unix socket, in one thread: each connection
 * sends a request, waits for its reply, and sends the next. Every reply must be one complete HTTP
 * reply with the verdict that the corpus expects. Prints one line of NAME=VALUE.
 *
 * A corpus is a list of records: a line "LENGTH allow" or "LENGTH deny", and that many bytes of
 * one raw HTTP request.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	EXIT_WRONG = 1, /* a reply had another verdict than expected */
	EXIT_USAGE = 2,
	EXIT_BROKEN = 3, /* no reply, no HTTP, or a system error */
	REPLY_MAX = 4096,
	EVENTS = 128,
	SILENCE_MS = 30000,
	SETTLE_NS = 5000000,
};

static const char USAGE[] =
	"usage: loadgen -s SOCKET -f CORPUS [option...]\n"
	"  -c N       connections (1)\n"
	"  -r N       requests on each connection before a new one is made (0: no limit)\n"
	"  -d SECONDS how long (1)\n"
	"  -n N       at most so many requests (0: no limit)\n"
	"  -p PID,... CPU time per request of these processes\n"
	"  -a         the server has one answer: every request is to be allowed\n";

struct options {
	const char *socket;
	const char *corpus;
	const char *pids;
	unsigned long connections;
	unsigned long per_connection;
	unsigned long requests;
	double seconds;
	bool allows_all;
};

struct record {
	char *text;
	size_t len;
	bool allow;
};

struct corpus {
	struct record *records;
	size_t count;
};

struct conn {
	int fd; /* -1: to be dialled */
	const struct record *asked;
	size_t sent;
	bool wants_out; /* the socket was full */
	unsigned long served;
	uint64_t since;
	char in[REPLY_MAX + 1];
	size_t have;
};

struct run {
	const struct options *options;
	const struct corpus *corpus;
	int epoll;
	uint64_t stop_at;
	uint64_t last; /* when the last reply came */
	unsigned long begun;
	unsigned long live; /* connections with a request in flight */
	uint64_t *times;    /* one for each reply, in ns */
	size_t replies;
	size_t room;
	unsigned long allowed;
	unsigned long denied;
	unsigned long wrong;
	unsigned long dialled;
};

__attribute__((noreturn, format(printf, 1, 2))) static void broken(const char *fmt, ...)
{
	va_list args;

	fputs("loadgen: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(EXIT_BROKEN);
}

static void *grown(void *p, size_t count, size_t size)
{
	void *ret = reallocarray(p, count, size);

	if (!ret)
		broken("no memory");
	return ret;
}

static uint64_t now(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t))
		broken("clock: %s", strerror(errno));
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void corpus_load(const char *path, struct corpus *ret)
{
	FILE *f = fopen(path, "rbe");
	char verdict[8];
	size_t len = 0;

	if (!f)
		broken("%s: %s", path, strerror(errno));
	while (fscanf(f, "%zu %7[a-z]%*1[\n]", &len, verdict) == 2) {
		struct record r = { .len = len, .allow = strcmp(verdict, "allow") == 0 };

		r.text = grown(NULL, len, 1);
		if (fread(r.text, 1, len, f) != len)
			broken("%s: record %zu is cut off", path, ret->count + 1);
		ret->records = grown(ret->records, ret->count + 1, sizeof(r));
		ret->records[ret->count++] = r;
	}
	if (!feof(f) || ret->count == 0)
		broken("%s: no corpus", path);
	fclose(f);
}

static void corpus_free(struct corpus *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->records[i].text);
	free(c->records);
}

/* The CPU time of all threads of the processes "PID,PID", those that have ended too, in ns. */
static uint64_t cpu_time(const char *pids)
{
	uint64_t sum = 0;

	while (pids && *pids) {
		char *rest = NULL;
		long pid = strtol(pids, &rest, 10);
		clockid_t clock;

		if (rest == pids || clock_getcpuclockid((pid_t)pid, &clock))
			broken("no process %s", pids);
		sum += now(clock);
		pids = *rest == ',' ? rest + 1 : rest;
	}
	return sum;
}

static void conn_watch(struct run *run, struct conn *c, int op, bool out)
{
	struct epoll_event e = { .events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = c };

	if (epoll_ctl(run->epoll, op, c->fd, &e))
		broken("epoll_ctl: %s", strerror(errno));
	c->wants_out = out;
}

static void conn_dial(struct run *run, struct conn *c)
{
	const char *path = run->options->socket;
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int n = snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);

	if (n < 0 || (size_t)n >= sizeof(to.sun_path))
		broken("%s: too long for a socket", path);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)&to, sizeof(to)))
		broken("%s: %s", path, strerror(errno));
	conn_watch(run, c, EPOLL_CTL_ADD, false);
	c->served = 0;
	run->dialled++;
}

static void conn_hang_up(struct conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

/* Sends what the socket takes. */
static void conn_send(struct run *run, struct conn *c)
{
	const struct record *r = c->asked;

	while (c->sent < r->len) {
		ssize_t n = send(
			c->fd, r->text + c->sent, r->len - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			broken("send: %s", strerror(errno));
		c->sent += (size_t)n;
	}
	if (c->wants_out != (c->sent < r->len))
		conn_watch(run, c, EPOLL_CTL_MOD, c->sent < r->len);
}

static void conn_ask(struct run *run, struct conn *c)
{
	c->asked = &run->corpus->records[run->begun++ % run->corpus->count];
	c->sent = 0;
	c->have = 0;
	c->since = now(CLOCK_MONOTONIC);
	if (c->fd < 0)
		conn_dial(run, c);
	conn_send(run, c);
}

/*
 * Looks for one reply of status 200 in text, which is terminated. 0 when it is not complete yet,
 * else its length, and ret points to its body.
 */
static size_t reply_length(const char *text, const char **ret)
{
	static const char name[] = "\r\nContent-Length:";
	const char *end = strstr(text, "\r\n\r\n");
	const char *length = end ? strcasestr(text, name) : NULL;

	if (!end)
		return 0;
	if (strncmp(text, "HTTP/1.1 200 ", 13) != 0)
		broken("no HTTP reply of status 200: %.200s", text);
	if (!length || length > end)
		broken("a reply without a length: %.200s", text);
	*ret = end + 4;
	return (size_t)(*ret - text) + strtoul(length + sizeof(name) - 1, NULL, 10);
}

/* True when body, which is terminated, allows. A body with no verdict ends the run. */
static bool reply_allows(const char *body)
{
	if (strncmp(body, "{\"Allow\":true", 13) == 0)
		return true;
	if (strncmp(body, "{\"Allow\":false", 14) != 0)
		broken("no verdict: %.200s", body);
	return false;
}

static void note_reply(struct run *run, const struct conn *c, bool allowed)
{
	bool expected = c->asked->allow || run->options->allows_all;

	if (run->replies == run->room) {
		run->room = run->room ? run->room * 2 : 1U << 16;
		run->times = grown(run->times, run->room, sizeof(*run->times));
	}
	run->last = now(CLOCK_MONOTONIC);
	run->times[run->replies++] = run->last - c->since;
	if (allowed)
		run->allowed++;
	else
		run->denied++;
	if (allowed != expected)
		run->wrong++;
}

/* Whether the reply is there, whole. */
static bool conn_receive(struct run *run, struct conn *c)
{
	ssize_t n = recv(c->fd, c->in + c->have, REPLY_MAX - c->have, MSG_DONTWAIT);
	const char *body = NULL;
	size_t len;

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0)
		broken("%s", n ? strerror(errno) : "closed by the server without a reply");
	c->have += (size_t)n;
	c->in[c->have] = '\0';
	len = reply_length(c->in, &body);
	if (c->have == REPLY_MAX || (len && len < c->have))
		broken("more than one reply to one request");
	if (len == 0 || len > c->have)
		return false;
	note_reply(run, c, reply_allows(body));
	return true;
}

static void conn_turn(struct run *run, struct conn *c, uint32_t events)
{
	const struct options *o = run->options;

	if (events & EPOLLOUT)
		conn_send(run, c);
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)) || !conn_receive(run, c))
		return;
	if (o->per_connection && ++c->served >= o->per_connection)
		conn_hang_up(c);
	if (run->last < run->stop_at && (!o->requests || run->begun < o->requests))
		conn_ask(run, c);
	else
		run->live--;
}

static void run_loop(struct run *run)
{
	struct epoll_event events[EVENTS];

	while (run->live) {
		int n = epoll_wait(run->epoll, events, EVENTS, SILENCE_MS);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			broken("%s", n ? strerror(errno) : "no reply in 30 seconds");
		for (int i = 0; i < n; i++)
			conn_turn(run, events[i].data.ptr, events[i].events);
	}
}

/* Asks until the time or the number is up. The time that it took, in ns. */
static uint64_t run_all(struct run *run, struct conn *conns)
{
	const struct options *o = run->options;
	uint64_t begin;

	for (unsigned long i = 0; i < o->connections; i++)
		conn_dial(run, &conns[i]);
	begin = now(CLOCK_MONOTONIC);
	run->stop_at = begin + (uint64_t)(o->seconds * 1e9);
	run->live = o->connections;
	for (unsigned long i = 0; i < o->connections; i++)
		conn_ask(run, &conns[i]);
	run_loop(run);
	for (unsigned long i = 0; i < o->connections; i++)
		conn_hang_up(&conns[i]);
	return run->last - begin;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The time in us that the share of the replies took at most. */
static double quantile(const struct run *run, double share)
{
	return (double)run->times[(size_t)((double)(run->replies - 1) * share)] / 1e3;
}

static void report(struct run *run, uint64_t took, uint64_t cpu)
{
	double replies = (double)run->replies;

	qsort(run->times, run->replies, sizeof(*run->times), by_value);
	printf("calls=%zu rate=%.0f cpu_us=%.3f p50_us=%.1f p99_us=%.1f max_us=%.1f "
	       "allow=%lu deny=%lu wrong=%lu connections=%lu\n",
		run->replies, replies * 1e9 / (double)took, (double)cpu / 1e3 / replies,
		quantile(run, 0.5), quantile(run, 0.99), quantile(run, 1), run->allowed,
		run->denied, run->wrong, run->dialled);
}

static int measure(const struct options *o, const struct corpus *corpus)
{
	/* The last hang-ups are work too, and a running thread's clock is behind. */
	const struct timespec settle = { .tv_nsec = SETTLE_NS };
	struct run run = { .options = o, .corpus = corpus };
	struct conn *conns = grown(NULL, o->connections, sizeof(*conns));
	uint64_t before = cpu_time(o->pids);
	uint64_t took;

	run.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (run.epoll < 0)
		broken("epoll: %s", strerror(errno));
	took = run_all(&run, conns);
	nanosleep(&settle, NULL);
	report(&run, took, cpu_time(o->pids) - before);
	close(run.epoll);
	free(conns);
	free(run.times);
	return run.wrong ? EXIT_WRONG : 0;
}

__attribute__((noreturn)) static void usage(void)
{
	fputs(USAGE, stderr);
	exit(EXIT_USAGE);
}

static unsigned long whole_number(const char *text)
{
	char *end = NULL;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end || *text == '-')
		usage();
	return n;
}

static double seconds(const char *text)
{
	char *end = NULL;
	double n = strtod(text, &end);

	if (end == text || *end || !(n > 0 && n <= 3600))
		usage();
	return n;
}

static struct options parse(int argc, char **argv)
{
	struct options o = { .connections = 1, .seconds = 1 };

	for (int c; (c = getopt(argc, argv, "s:f:c:r:d:n:p:a")) != -1;) {
		switch (c) {
		case 's':
			o.socket = optarg;
			break;
		case 'f':
			o.corpus = optarg;
			break;
		case 'c':
			o.connections = whole_number(optarg);
			break;
		case 'r':
			o.per_connection = whole_number(optarg);
			break;
		case 'd':
			o.seconds = seconds(optarg);
			break;
		case 'n':
			o.requests = whole_number(optarg);
			break;
		case 'p':
			o.pids = optarg;
			break;
		case 'a':
			o.allows_all = true;
			break;
		default:
			usage();
		}
	}
	if (!o.socket || !o.corpus || !o.connections || optind != argc)
		usage();
	return o;
}

int main(int argc, char **argv)
{
	struct options options = parse(argc, argv);
	struct corpus corpus = { NULL, 0 };
	int status;

	corpus_load(options.corpus, &corpus);
	status = measure(&options, &corpus);
	corpus_free(&corpus);
	return status;
}
