#include "connections.h"

#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static int watch(const struct connections *all, struct connection *c, int operation, uint32_t more)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLRDHUP | EPOLLET | more,
		.data.ptr = c,
	};

	return epoll_ctl(all->epoll, operation, c->fd, &event);
}

/* The owner of the descriptor sees it too, and closes it. */
static void hang_up(const struct connection *c)
{
	(void)shutdown(c->fd, SHUT_RDWR);
}

void connections_init(struct connections *all, int epoll, uint64_t request_ms)
{
	*all = (struct connections){ .epoll = epoll, .request_ms = request_ms };
	TAILQ_INIT(&all->busy);
	LIST_INIT(&all->ended);
}

int connections_add(struct connections *all, struct connection *c, int fd)
{
	int waiting = 0;

	c->fd = fd;
	if (watch(all, c, EPOLL_CTL_ADD, 0) != 0)
		return -1;
	all->count++;
	/* These bytes will be read before the set can report them. */
	if (ioctl(fd, FIONREAD, &waiting) == 0 && waiting > 0)
		connections_begin_request(all, c);
	return 0;
}

void connections_remove(struct connections *all, struct connection *c)
{
	connections_end_request(all, c);
	if (c->ended)
		LIST_REMOVE(c, ended_link);
	all->count--;
}

/*
 * Edge-triggered or not, epoll looks again before it reports: bytes that were read meanwhile are
 * not reported, so no clock starts for a request that is already answered.
 */
void connections_on_event(struct connections *all, struct connection *c, uint32_t events)
{
	if ((events & EPOLLHUP) != 0) {
		c->hung_up = true;
		all->hung_up = all->hung_up || c->paused;
		return;
	}
	if ((events & EPOLLRDHUP) != 0) {
		if (!c->ended)
			LIST_INSERT_HEAD(&all->ended, c, ended_link);
		c->ended = true;
	} else if ((events & EPOLLIN) != 0) {
		connections_begin_request(all, c);
	}
}

void connections_begin_request(struct connections *all, struct connection *c)
{
	if (c->busy || c->paused)
		return;
	c->busy = true;
	c->deadline = all->now + all->request_ms;
	TAILQ_INSERT_TAIL(&all->busy, c, busy_link);
}

void connections_begin_reply(struct connections *all, struct connection *c)
{
	if (c->replying)
		return;
	c->replying = true;
	all->replying++;
}

static void stop_clock(struct connections *all, struct connection *c)
{
	if (c->busy)
		TAILQ_REMOVE(&all->busy, c, busy_link);
	c->busy = false;
}

void connections_pause(struct connections *all, struct connection *c)
{
	stop_clock(all, c);
	c->paused = true;
	all->hung_up = all->hung_up || c->hung_up;
}

void connections_resume(struct connections *all, struct connection *c)
{
	c->paused = false;
	connections_begin_request(all, c);
}

void connections_end_request(struct connections *all, struct connection *c)
{
	stop_clock(all, c);
	c->paused = false;
	if (c->replying)
		all->replying--;
	c->replying = false;
	if (c->armed) {
		all->armed--;
		(void)watch(all, c, EPOLL_CTL_MOD, 0);
	}
	c->armed = false;
}

void connections_settle(struct connections *all)
{
	struct connection *c;
	struct connection *next;

	for (c = LIST_FIRST(&all->ended); c; c = next) {
		next = LIST_NEXT(c, ended_link);
		if (c->replying || c->paused)
			continue;
		LIST_REMOVE(c, ended_link);
		c->ended = false;
		hang_up(c);
	}
	if (all->replying == all->armed)
		return;
	TAILQ_FOREACH (c, &all->busy, busy_link) {
		if (!c->replying || c->armed)
			continue;
		c->armed = true;
		all->armed++;
		(void)watch(all, c, EPOLL_CTL_MOD, EPOLLOUT);
	}
}

void connections_expire(struct connections *all)
{
	struct connection *c = TAILQ_FIRST(&all->busy);

	while (c && c->deadline <= all->now) {
		stop_clock(all, c);
		hang_up(c);
		c = TAILQ_FIRST(&all->busy);
	}
}
