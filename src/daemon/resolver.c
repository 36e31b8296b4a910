#include "resolver.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/system/clock.h"
#include "dsp/system/unix_socket.h"

struct ask {
	TAILQ_ENTRY(ask) link;
	enum resolve_kind kind;
	void *tag;
	uint64_t deadline;
	int fd;
	size_t n;
	bool ended; /* text has all that will come */
	char text[RESOLVE_ANSWER_MOST + 1];
};

struct resolver {
	TAILQ_HEAD(, ask) asks;
	size_t count;
	int epoll;
	struct ask *reported; /* whose answer the caller may still read */
	struct resolve_answer answer;
	char token[RESOLVE_TOKEN + 1];
};

static int make_token(char token[RESOLVE_TOKEN + 1], struct err *e)
{
	unsigned char bytes[RESOLVE_TOKEN / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return FAIL(e, errno, "cannot make a random number for the token");
	for (size_t i = 0; i < sizeof(bytes); i++)
		text_hex_write(bytes[i], token + 2 * i);
	token[RESOLVE_TOKEN] = '\0';
	explicit_bzero(bytes, sizeof(bytes));
	return 0;
}

struct resolver *resolver_new(struct err *e)
{
	struct resolver *r = mem_array(1, sizeof(*r));

	if (!r) {
		err_set(e, ENOMEM, "the client of dsp-resolve");
		return NULL;
	}
	TAILQ_INIT(&r->asks);
	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (r->epoll < 0)
		err_set(e, errno, "epoll");
	if (r->epoll < 0 || make_token(r->token, e) != 0) {
		resolver_free(r);
		return NULL;
	}
	return r;
}

/* Frees the answer that was reported last. */
static void drop_reported(struct resolver *r)
{
	resolve_answer_free(&r->answer);
	mem_free(r->reported);
	r->reported = NULL;
}

static void close_ask(struct resolver *r, struct ask *a)
{
	TAILQ_REMOVE(&r->asks, a, link);
	r->count--;
	(void)close(a->fd);
}

void resolver_free(struct resolver *r)
{
	struct ask *a;

	if (!r)
		return;
	drop_reported(r);
	while ((a = TAILQ_FIRST(&r->asks)) != NULL) {
		close_ask(r, a);
		mem_free(a);
	}
	if (r->epoll >= 0)
		(void)close(r->epoll);
	explicit_bzero(r->token, sizeof(r->token));
	mem_free(r);
}

int resolver_fd(const struct resolver *r)
{
	return r->epoll;
}

const char *resolver_token(const struct resolver *r)
{
	return r->token;
}

/* In a time that does not depend on where they differ. */
bool resolver_has_token(const struct resolver *r, struct span token)
{
	unsigned char different = 0;

	if (token.n != RESOLVE_TOKEN)
		return false;
	for (size_t i = 0; i < RESOLVE_TOKEN; i++)
		different |= (unsigned char)(token.s[i] ^ r->token[i]);
	return different == 0;
}

/* --- asking ------------------------------------------------------------------------------------*/

/* Whoever made the socket listen gets the token: systemd, or this user. */
static int check_peer(int fd, const char *path, struct err *e)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t n = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0)
		return FAIL(e, errno, "%s", path);
	if (peer.uid != 0 && peer.uid != geteuid())
		return FAIL(e, 0, "%s: user %u listens there, who is not root", path,
			(unsigned)peer.uid);
	return 0;
}

static int send_request(
	struct resolver *r, const char *path, struct ask *a, struct span reference, struct err *e)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = a };
	struct resolve_request q = { .kind = a->kind };
	char line[RESOLVE_LINE_MOST];
	size_t n;

	if (reference.n > RESOLVE_REFERENCE_MOST)
		return FAIL(e, 0, "dsp-resolve cannot be asked for a name as long as this");
	text_copy(span_of(r->token), q.token, sizeof(q.token));
	text_copy(reference, q.reference, sizeof(q.reference));
	n = resolve_request_write(&q, line);
	if (n == 0)
		return FAIL(e, 0, "dsp-resolve cannot be asked for a name with such characters");
	if (check_peer(a->fd, path, e) != 0)
		return -1;
	/* A new socket has room for so few bytes. */
	if (send(a->fd, line, n, MSG_NOSIGNAL) != (ssize_t)n ||
		epoll_ctl(r->epoll, EPOLL_CTL_ADD, a->fd, &event) != 0)
		return FAIL(e, errno, "%s", path);
	return 0;
}

int resolver_ask(
	struct resolver *r, const char *path, const struct resolver_request *q, struct err *e)
{
	struct ask *a;

	if (r->count >= RESOLVER_ASKS_MOST)
		return FAIL(e, EBUSY, "dsp-resolve has %d requests of dspd in hand",
			RESOLVER_ASKS_MOST);
	a = mem_alloc(sizeof(*a));
	if (!a)
		return FAIL(e, ENOMEM, "a request to dsp-resolve");
	a->kind = q->kind;
	a->tag = q->tag;
	a->deadline = clock_now() + RESOLVER_MS;
	a->n = 0;
	a->ended = false;
	a->fd = unix_socket_connect(path);
	if (a->fd < 0) {
		err_set(e, errno, "cannot connect to %s", path);
		mem_free(a);
		return -1;
	}
	if (send_request(r, path, a, q->reference, e) != 0) {
		(void)close(a->fd);
		mem_free(a);
		return -1;
	}
	TAILQ_INSERT_TAIL(&r->asks, a, link);
	r->count++;
	return 0;
}

/* --- answers -----------------------------------------------------------------------------------*/

/* Reads what has come. */
static void read_some(struct ask *a)
{
	ssize_t got = recv(a->fd, a->text + a->n, sizeof(a->text) - a->n, 0);

	if (got > 0)
		a->n += (size_t)got;
	/* The connection ends behind the answer; a longer one is none. */
	a->ended = got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR) ||
		a->n == sizeof(a->text);
}

static void read_all(struct resolver *r)
{
	struct epoll_event events[16];
	int count = epoll_wait(r->epoll, events, sizeof(events) / sizeof(events[0]), 0);

	for (int i = 0; i < count; i++)
		read_some(events[i].data.ptr);
}

/* Exactly one line, and the connection has ended behind it. */
static void parse(struct ask *a, struct resolve_answer *ret)
{
	const char *newline = memchr(a->text, '\n', a->n);

	if (a->ended && newline == a->text + a->n - 1 && newline) {
		resolve_answer_parse(a->kind, a->text, a->n - 1, ret);
		return;
	}
	*ret = (struct resolve_answer){ .result = RESOLVE_FAILED };
	text_copy(a->ended ? SPAN("dsp-resolve gives no answer")
			   : SPAN("dsp-resolve gave no answer within 2 s"),
		ret->trouble, sizeof(ret->trouble));
}

bool resolver_next(struct resolver *r, struct resolver_result *ret)
{
	uint64_t now = clock_now();
	struct ask *a;

	drop_reported(r);
	if (TAILQ_EMPTY(&r->asks))
		return false;
	read_all(r);
	TAILQ_FOREACH (a, &r->asks, link) {
		if (a->ended || a->deadline <= now)
			break;
	}
	if (!a)
		return false;
	close_ask(r, a);
	r->reported = a;
	parse(a, &r->answer);
	*ret = (struct resolver_result){ .tag = a->tag, .kind = a->kind, .answer = r->answer };
	return true;
}

int resolver_timeout(const struct resolver *r)
{
	/* All wait for equally long: the first is the oldest. */
	const struct ask *a = TAILQ_FIRST(&r->asks);

	return a ? clock_earlier(-1, clock_now(), a->deadline) : -1;
}
