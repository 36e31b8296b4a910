#include "mhd_set.h"

#include <errno.h>
#include <microhttpd.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dsp/system/file.h"

/* NOLINTNEXTLINE(readability-function-size): the parameters are MHD's. */
static enum MHD_Result refuse(void *cls, struct MHD_Connection *c, const char *path,
	const char *method, const char *version, const char *bytes, size_t *n, void **state)
{
	(void)cls, (void)c, (void)path, (void)method, (void)version, (void)bytes, (void)n;
	(void)state;
	return MHD_NO;
}

static void remember(void *cls, struct MHD_Connection *c, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	(void)context;
	(void)code;
	*(struct MHD_Connection **)cls = c;
}

static int epoll_of(struct MHD_Daemon *mhd)
{
	return MHD_get_daemon_info(mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

/* Whether the set, in which c alone is, says that c has bytes. */
static bool has_tag(struct MHD_Daemon *mhd, const struct MHD_Connection *c, int peer)
{
	struct epoll_event event;

	return c && send(peer, "", 1, MSG_NOSIGNAL) == 1 &&
		epoll_wait(epoll_of(mhd), &event, 1, 0) == 1 && event.data.ptr == c;
}

/* Whether MHD tags a connection in its set with the connection: tried with a pair of sockets. */
static bool is_known(void)
{
	struct sockaddr address = { .sa_family = AF_UNIX };
	struct MHD_Connection *c = NULL;
	struct MHD_Daemon *mhd = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL,
		NULL, refuse, NULL, MHD_OPTION_NOTIFY_CONNECTION, remember, &c, MHD_OPTION_END);
	int pair[2];
	bool ret = false;

	if (mhd && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0) {
		AUTO_FD int peer = pair[1];

		/* It closes its socket, also when it fails. */
		ret = MHD_add_connection(mhd, pair[0], &address, sizeof(address)) == MHD_YES &&
			MHD_run(mhd) == MHD_YES && has_tag(mhd, c, peer);
	}
	if (mhd)
		MHD_stop_daemon(mhd);
	return ret;
}

int mhd_set_open(struct mhd_set *set, struct MHD_Daemon *mhd, int waker, struct err *e)
{
	/* MHD skips what has no tag. */
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };

	*set = (struct mhd_set){ .fd = epoll_of(mhd), .known = is_known() };
	if (epoll_ctl(set->fd, EPOLL_CTL_ADD, waker, &event) != 0)
		return FAIL(e, errno, "epoll");
	return 0;
}

void mhd_set_watch(
	const struct mhd_set *set, int fd, struct MHD_Connection *connection, bool writes)
{
	struct epoll_event event = { .data.ptr = connection };

	event.events = EPOLLIN | EPOLLPRI | EPOLLET;
	if (writes)
		event.events |= EPOLLOUT;
	if (set->known)
		(void)epoll_ctl(set->fd, EPOLL_CTL_MOD, fd, &event);
}
