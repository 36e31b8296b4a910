#include "connections.h"

#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "dsp/system/clock.h"

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
	LIST_INIT(&all->fresh);
}

/* libmicrohttpd puts it into its set when it first waits for it, before connections_settle. */
static void add_fresh(struct connections *all, struct connection *c)
{
	LIST_INSERT_HEAD(&all->fresh, c, fresh_link);
	c->fresh = true;
}

static void remove_fresh(struct connection *c)
{
	if (c->fresh)
		LIST_REMOVE(c, fresh_link);
	c->fresh = false;
}

/*
 * libmicrohttpd does not see that a client sends no more if the last bytes came with it, nor
 * anything of a connection that it suspended.
 */
int connections_add(struct connections *all, struct connection *c)
{
	struct epoll_event event = { .events = EPOLLRDHUP | EPOLLET, .data.ptr = c };

	if (epoll_ctl(all->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
		return -1;
	all->count++;
	add_fresh(all, c);
	return 0;
}

void connections_remove(struct connections *all, struct connection *c)
{
	connections_end_request(all, c);
	if (c->ended)
		LIST_REMOVE(c, ended_link);
	remove_fresh(c);
	all->count--;
}

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
		c->ended = all->has_ended = true;
	}
}

void connections_begin_request(struct connections *all, struct connection *c)
{
	if (c->busy || c->paused)
		return;
	all->now = clock_about();
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
	remove_fresh(c);
	c->paused = true;
	all->hung_up = all->hung_up || c->hung_up;
}

void connections_resume(struct connections *all, struct connection *c)
{
	c->paused = false;
	add_fresh(all, c);
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
		mhd_set_watch(&all->mhd, c->fd, c->mhd, false);
	}
	c->armed = false;
}

void connections_cut_ended(struct connections *all)
{
	struct connection *c;
	struct connection *next;

	all->has_ended = false;
	for (c = LIST_FIRST(&all->ended); c; c = next) {
		next = LIST_NEXT(c, ended_link);
		if (c->replying || c->paused)
			continue;
		LIST_REMOVE(c, ended_link);
		c->ended = false;
		hang_up(c);
	}
}

void connections_settle(struct connections *all)
{
	struct connection *c;

	while ((c = LIST_FIRST(&all->fresh)) != NULL) {
		remove_fresh(c);
		mhd_set_watch(&all->mhd, c->fd, c->mhd, false);
	}
	if (all->replying == all->armed)
		return;
	TAILQ_FOREACH (c, &all->busy, busy_link) {
		if (!c->replying || c->armed)
			continue;
		c->armed = true;
		all->armed++;
		mhd_set_watch(&all->mhd, c->fd, c->mhd, true);
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
