#include "lookup_worker.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"
#include "lookup_process.h"

static int watch(struct lookup_worker *w, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = w };

	return epoll_ctl(w->wake, operation, w->fd, &event);
}

int lookup_worker_open(struct lookup_worker *w, int fd, struct lookup_place *place, int wake)
{
	int code;

	w->fd = fd;
	w->wake = wake;
	w->place = place;
	w->job = NULL;
	w->begun = w->used = false;
	w->before = lookup_process_begun();
	if (fd >= 0 && watch(w, EPOLL_CTL_ADD, EPOLLIN) == 0)
		return 0;
	code = errno;
	lookup_worker_close(w);
	errno = code;
	return -1;
}

/* Sends as much as the stream takes. Returns 0, or an errno value. */
static int send_request(struct lookup_worker *w)
{
	bool waited = w->sent > 0;

	while (w->sent < w->length) {
		ssize_t n = send(w->fd, w->request + w->sent, w->length - w->sent,
			MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			return watch(w, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT) == 0 ? 0 : errno;
		if (n < 0 && errno != EINTR)
			return errno;
		w->sent += n > 0 ? (size_t)n : 0;
	}
	if (waited && watch(w, EPOLL_CTL_MOD, EPOLLIN) != 0)
		return errno;
	return 0;
}

int lookup_worker_begin(
	struct lookup_worker *w, struct mount_lookup *l, const struct host_tables *tables)
{
	atomic_store(&w->place->at, 0);
	mount_lookup_share(l, w->place);
	w->lookup = l;
	w->sent = w->got = 0;
	w->request = lookup_request_write(l, tables, &w->length);
	return w->request ? send_request(w) : ENOMEM;
}

/* The first reply of a process says that it is ready. Returns how many replies this takes. */
static size_t take_begin(struct lookup_worker *w, size_t count)
{
	if (w->begun || count == 0 || !lookup_reply_begins(&w->replies[0]))
		return 0;
	w->begun = true;
	lookup_process_has_begun(w->replies[0].number);
	return 1;
}

/* Takes the replies that are complete. Whether the look-up has ended, and how. */
static bool take_replies(struct lookup_worker *w, struct lookup_end *end)
{
	size_t count = w->got / sizeof(w->replies[0]);
	size_t rest = w->got % sizeof(w->replies[0]);
	size_t first = take_begin(w, count);

	if (lookup_replies_enter(w->lookup, w->replies + first, count - first, end)) {
		if (rest > 0 || !w->begun)
			end->code = EPROTO;
		return true;
	}
	memmove(w->replies, w->replies + count, rest);
	w->got = rest;
	return false;
}

/* Reads what has come. Whether the look-up has ended, and how. */
static bool receive(struct lookup_worker *w, struct lookup_end *end)
{
	size_t room;
	ssize_t n;

	do {
		room = sizeof(w->replies) - w->got;
		n = recv(w->fd, (char *)w->replies + w->got, room, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return false;
		if (n <= 0) {
			*end = (struct lookup_end){ .code = n == 0 ? EPIPE : errno };
			return true;
		}
		w->got += (size_t)n;
		if (take_replies(w, end))
			return true;
	} while ((size_t)n == room);
	return false;
}

bool lookup_worker_go_on(struct lookup_worker *w, uint32_t events, struct lookup_end *end)
{
	*end = (struct lookup_end){ .code = 0 };
	if ((events & EPOLLOUT) != 0)
		end->code = send_request(w);
	if (end->code != 0)
		return true;
	return (events & ~(uint32_t)EPOLLOUT) != 0 && receive(w, end);
}

void lookup_worker_part(struct lookup_worker *w)
{
	mount_lookup_share(w->lookup, NULL);
	w->lookup = NULL;
	mem_free(w->request);
	w->request = NULL;
	w->job = NULL;
	w->used = true;
}

void lookup_worker_close(struct lookup_worker *w)
{
	if (w->fd >= 0)
		(void)close(w->fd);
	w->fd = -1;
	mem_free(w->request);
	w->request = NULL;
	w->job = NULL;
}
