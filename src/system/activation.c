#include "dsp/system/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dsp/core/base/text.h"

enum { FIRST_FD = 3 };

/* Parses a decimal number; -1: it is not one, or out of range. */
static long number_of(const char *text)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	return errno == 0 && text[0] >= '0' && text[0] <= '9' && *end == '\0' ? n : -1;
}

static int get_int(int fd, int option)
{
	socklen_t n = sizeof(int);
	int value = -1;

	return getsockopt(fd, SOL_SOCKET, option, &value, &n) == 0 ? value : -1;
}

static int check_kind(int fd, struct err *e)
{
	int type = get_int(fd, SO_TYPE);

	if (type < 0)
		return FAIL(e, errno, "descriptor %d from the service manager is not a socket", fd);
	if (get_int(fd, SO_DOMAIN) != AF_UNIX)
		return FAIL(e, 0,
			"the socket from the service manager is not a unix socket: "
			"dockerd finds plugins by a path");
	if (type != SOCK_STREAM)
		return FAIL(e, 0,
			"the socket from the service manager is not a stream: "
			"use ListenStream=");
	if (get_int(fd, SO_ACCEPTCONN) != 1)
		return FAIL(e, 0,
			"the socket from the service manager does not listen: "
			"use Accept=no");
	return 0;
}

static int read_path(int fd, char *path, size_t cap, struct err *e)
{
	struct sockaddr_un address = { .sun_family = AF_UNSPEC };
	socklen_t n = sizeof(address);
	size_t start = offsetof(struct sockaddr_un, sun_path);
	struct span whole = { address.sun_path, 0 };

	if (getsockname(fd, (struct sockaddr *)&address, &n) != 0)
		return FAIL(e, errno, "the socket from the service manager");
	/* A path of full length has no terminator. */
	whole.n = n > start ? n - start : 0;
	if (whole.n > sizeof(address.sun_path))
		whole.n = sizeof(address.sun_path);
	if (whole.n == 0 || whole.s[0] == '\0')
		return FAIL(e, 0,
			"the socket from the service manager has no path: dockerd finds plugins "
			"by a path");
	whole.n = span_find(whole, '\0');
	if (whole.s[0] != '/')
		return FAIL(e, 0,
			"the socket from the service manager has a relative path; use an absolute "
			"one");
	text_copy(whole, path, cap);
	return 0;
}

static int set_flags(int fd, struct err *e)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
		fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		return FAIL(e, errno, "the socket from the service manager");
	return 0;
}

/* 1: the variables are set and name this process. 0: they do not. -1 and e: they are wrong. */
static int count_of(const char *pid, const char *fds, struct err *e)
{
	long count;

	if (!pid || !fds)
		return 0;
	if (number_of(pid) <= 0)
		return FAIL(e, 0, "LISTEN_PID is not a process id");
	/* Inherited from a parent process: its descriptors are not meant for us. */
	if (number_of(pid) != getpid())
		return 0;
	count = number_of(fds);
	if (count != 1)
		return FAIL(e, 0,
			"LISTEN_FDS is not 1: dsp serves one socket, so its socket unit has one "
			"ListenStream=");
	return 1;
}

int activation_receive(struct activation *ret, struct err *e)
{
	/* NOLINTBEGIN(concurrency-mt-unsafe): one thread */
	int count = count_of(getenv("LISTEN_PID"), getenv("LISTEN_FDS"), e);

	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	/* NOLINTEND(concurrency-mt-unsafe) */
	if (count <= 0)
		return count;
	ret->fd = FIRST_FD;
	if (check_kind(ret->fd, e) != 0 ||
		read_path(ret->fd, ret->path, sizeof(ret->path), e) != 0 ||
		set_flags(ret->fd, e) != 0)
		return -1;
	return 1;
}
