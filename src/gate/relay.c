#include "relay.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answer_head.h"
#include "dsp/core/base/text.h"
#include "dsp/system/clock.h"
#include "request_body.h"

enum {
	LINGER_MS = 2000,
	ANSWER_START = 128, /* bytes of an answer that answer_head_kind may need */
};

/* Bytes on their way to a socket. */
struct queue {
	char bytes[REQUEST_HEAD_ROOM];
	size_t start;
	size_t end;
};

struct side {
	int fd;
	bool ended;  /* its stream has ended: nothing more is read */
	bool gone;   /* nothing can be written to it */
	bool closed; /* its stream was ended by us */
};

struct relay {
	const struct request_head *head;
	struct side client;
	struct side dockerd;
	struct request_body body;
	enum answer_kind answer;
	char answer_start[ANSWER_START];
	size_t answer_read;
	struct queue request; /* read from the client, not yet looked at */
	struct queue to_dockerd;
	struct queue to_client;
};

static struct relay relay; /* of this process; only pages that are used take memory */

static size_t queued(const struct queue *q)
{
	return q->end - q->start;
}

/* Fills an empty queue; the end of the stream is noted. */
static void receive(struct side *from, struct queue *q)
{
	ssize_t n = recv(from->fd, q->bytes, RELAY_ROOM, 0);

	q->start = 0;
	q->end = n > 0 ? (size_t)n : 0;
	from->ended = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static void deliver(struct side *to, struct queue *q)
{
	ssize_t n = queued(q) > 0 ? send(to->fd, q->bytes + q->start, queued(q), MSG_NOSIGNAL) : 0;

	if (n > 0)
		q->start += (size_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		to->gone = true;
	if (to->gone)
		q->start = q->end;
}

/* Moves what of the client's bytes may go on to an empty queue; whether any of them were. */
static bool admit(struct relay *r)
{
	struct queue *in = &r->request;
	struct queue *out = &r->to_dockerd;
	struct span bytes = { in->bytes + in->start, queued(in) };

	if (bytes.n == 0 || queued(out) > 0)
		return false;
	out->start = 0;
	out->end = 0;
	if (r->body.state != BODY_ENDED) {
		in->start += request_body_read(&r->body, bytes, out->bytes, &out->end);
	} else if (r->answer == ANSWER_HIJACKED) {
		memcpy(out->bytes, bytes.s, bytes.n);
		out->end = bytes.n;
		in->start = in->end;
	} else if (r->answer == ANSWER_PLAIN) {
		in->start = in->end;
	}
	return queued(in) < bytes.n;
}

/* Looks at the first bytes of the answer, which stand in an unsent queue. */
static void note_answer(struct relay *r, const struct queue *q)
{
	struct span start = { r->answer_start, 0 };
	size_t n = queued(q);

	if (r->answer != ANSWER_UNKNOWN)
		return;
	if (n > ANSWER_START - r->answer_read)
		n = ANSWER_START - r->answer_read;
	memcpy(r->answer_start + r->answer_read, q->bytes + q->start, n);
	r->answer_read += n;
	start.n = r->answer_read;
	r->answer = answer_head_kind(start, r->head);
}

/* Ends the stream to a side when the other has ended and all of it was delivered. */
static void pass_end(struct side *to)
{
	if (!to->closed && !to->gone)
		(void)shutdown(to->fd, SHUT_WR);
	to->closed = true;
}

/* Whether all that the client sent, and may send, is with dockerd. */
static bool request_is_through(const struct relay *r)
{
	return r->dockerd.gone ||
		(r->client.ended && queued(&r->request) == 0 && queued(&r->to_dockerd) == 0);
}

static bool answer_is_through(const struct relay *r)
{
	return r->dockerd.ended && queued(&r->to_client) == 0;
}

/* Moves what can be moved without waiting. */
static void move(struct relay *r)
{
	if (r->dockerd.gone)
		r->request.start = r->request.end;
	do
		deliver(&r->dockerd, &r->to_dockerd);
	while (admit(r));
	deliver(&r->client, &r->to_client);
	if (request_is_through(r))
		pass_end(&r->dockerd);
	if (answer_is_through(r))
		pass_end(&r->client);
}

/* A side that waits for nothing is not polled: one that hung up would be reported for ever. */
static struct pollfd wait_for(const struct side *s, bool reads, bool writes)
{
	short events = (short)((reads && !s->ended ? POLLIN : 0) | (writes ? POLLOUT : 0));
	bool watched = events != 0 || !s->gone;

	return (struct pollfd){ .fd = watched ? s->fd : -1, .events = events };
}

/* False: nobody is left to copy for. */
static bool wait_and_read(struct relay *r)
{
	struct pollfd polled[2] = {
		wait_for(&r->client, queued(&r->request) == 0, queued(&r->to_client) > 0),
		wait_for(&r->dockerd, queued(&r->to_client) == 0, queued(&r->to_dockerd) > 0),
	};

	if (poll(polled, 2, -1) < 0)
		return errno == EINTR;
	if ((polled[0].events & POLLIN) && (polled[0].revents & (POLLIN | POLLHUP | POLLERR)))
		receive(&r->client, &r->request);
	if ((polled[1].events & POLLIN) && (polled[1].revents & (POLLIN | POLLHUP | POLLERR))) {
		receive(&r->dockerd, &r->to_client);
		note_answer(r, &r->to_client);
	}
	r->client.gone = r->client.gone || (polled[0].revents & (POLLHUP | POLLERR));
	r->dockerd.gone = r->dockerd.gone || (polled[1].revents & (POLLHUP | POLLERR));
	return true;
}

int relay_run(const struct relay_request *request, struct err *e)
{
	struct relay *r = &relay;

	r->head = &request->head;
	r->client.fd = request->client;
	r->dockerd.fd = request->dockerd;
	r->answer = answer_head_kind(SPAN(""), r->head);
	request_body_init(&r->body, r->head);
	memcpy(r->request.bytes, request->rest.s, request->rest.n);
	r->request.end = request->rest.n;
	r->to_dockerd.end = request_head_write(
		r->head, request->token, request->from, r->to_dockerd.bytes);
	do {
		move(r);
		if (r->body.state == BODY_BROKEN)
			return r->answer_read > 0
				? 0
				: FAIL(e, 0, "the body of the request is not made of chunks");
		/* A client that is gone reads nothing; what it has sent still goes on. */
		if ((r->client.gone || answer_is_through(r)) && request_is_through(r))
			return 0;
		if (answer_is_through(r) && (r->dockerd.gone || r->answer != ANSWER_HIJACKED))
			return 0;
	} while (wait_and_read(r));
	return 0;
}

void relay_linger(int client)
{
	uint64_t end = clock_now() + LINGER_MS;
	char bytes[2048];

	(void)shutdown(client, SHUT_WR);
	for (;;) {
		struct pollfd p = { .fd = client, .events = POLLIN };
		uint64_t now = clock_now();

		if (now >= end || poll(&p, 1, (int)(end - now)) <= 0 ||
			recv(client, bytes, sizeof(bytes), 0) <= 0)
			return;
	}
}
