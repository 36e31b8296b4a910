#include "connections.h"

#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static int watch(const struct peers *all, struct peer *p, int operation, uint32_t more)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLRDHUP | EPOLLET | more,
		.data.ptr = p,
	};

	return epoll_ctl(all->epoll, operation, p->fd, &event);
}

/* The owner of the descriptor sees it too, and closes it. */
static void hang_up(const struct peer *p)
{
	(void)shutdown(p->fd, SHUT_RDWR);
}

void peers_init(struct peers *all, int epoll, uint64_t request_ms)
{
	*all = (struct peers){ .epoll = epoll, .request_ms = request_ms };
	TAILQ_INIT(&all->busy);
	LIST_INIT(&all->ended);
}

int peers_add(struct peers *all, struct peer *p, int fd)
{
	int waiting = 0;

	p->fd = fd;
	if (watch(all, p, EPOLL_CTL_ADD, 0) != 0)
		return -1;
	all->count++;
	/* These bytes will be read before the set can report them. */
	if (ioctl(fd, FIONREAD, &waiting) == 0 && waiting > 0)
		peers_request(all, p);
	return 0;
}

void peers_remove(struct peers *all, struct peer *p)
{
	peers_idle(all, p);
	if (p->ended)
		LIST_REMOVE(p, ended_link);
	all->count--;
}

/*
 * Edge-triggered or not, epoll looks again before it reports: bytes that were read meanwhile are
 * not reported, so no clock starts for a request that is already answered.
 */
void peers_event(struct peers *all, struct peer *p, uint32_t events)
{
	if ((events & EPOLLHUP) != 0)
		return;
	if ((events & EPOLLRDHUP) != 0) {
		if (!p->ended)
			LIST_INSERT_HEAD(&all->ended, p, ended_link);
		p->ended = true;
	} else if ((events & EPOLLIN) != 0) {
		peers_request(all, p);
	}
}

void peers_request(struct peers *all, struct peer *p)
{
	if (p->busy || p->waiting)
		return;
	p->busy = true;
	p->deadline = all->now + all->request_ms;
	TAILQ_INSERT_TAIL(&all->busy, p, busy_link);
}

void peers_reply(struct peers *all, struct peer *p)
{
	if (p->replying)
		return;
	p->replying = true;
	all->replying++;
}

static void stop_clock(struct peers *all, struct peer *p)
{
	if (p->busy)
		TAILQ_REMOVE(&all->busy, p, busy_link);
	p->busy = false;
}

void peers_wait(struct peers *all, struct peer *p)
{
	stop_clock(all, p);
	p->waiting = true;
}

void peers_go_on(struct peers *all, struct peer *p)
{
	p->waiting = false;
	peers_request(all, p);
}

void peers_idle(struct peers *all, struct peer *p)
{
	stop_clock(all, p);
	p->waiting = false;
	if (p->replying)
		all->replying--;
	p->replying = false;
	if (p->armed) {
		all->armed--;
		(void)watch(all, p, EPOLL_CTL_MOD, 0);
	}
	p->armed = false;
}

void peers_settle(struct peers *all)
{
	struct peer *p;
	struct peer *next;

	for (p = LIST_FIRST(&all->ended); p; p = next) {
		next = LIST_NEXT(p, ended_link);
		if (p->replying || p->waiting)
			continue;
		LIST_REMOVE(p, ended_link);
		p->ended = false;
		hang_up(p);
	}
	if (all->replying == all->armed)
		return;
	TAILQ_FOREACH (p, &all->busy, busy_link) {
		if (!p->replying || p->armed)
			continue;
		p->armed = true;
		all->armed++;
		(void)watch(all, p, EPOLL_CTL_MOD, EPOLLOUT);
	}
}

void peers_cut_late(struct peers *all)
{
	struct peer *p = TAILQ_FIRST(&all->busy);

	while (p && p->deadline <= all->now) {
		stop_clock(all, p);
		hang_up(p);
		p = TAILQ_FIRST(&all->busy);
	}
}
