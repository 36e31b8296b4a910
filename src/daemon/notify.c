#include "notify.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dsp/core/base/text.h"
#include "dsp/system/unix_socket.h"

enum {
	SIGNS = 3, /* WATCHDOG=1 in the time that the manager waits: one may be late, or lost */
	IDLE_MS = 5000,
	RETRY_MS = 100,
};

static int set_address(struct notify *n, const char *path, struct err *e)
{
	size_t length = strlen(path);

	if (path[0] != '/' && path[0] != '@')
		return FAIL(e, 0, "NOTIFY_SOCKET: neither an absolute path nor an abstract name");
	if (!unix_socket_address(path, &n->address))
		return FAIL(e, 0, "NOTIFY_SOCKET: longer than a socket's path may be");
	if (path[0] == '@')
		n->address.sun_path[0] = '\0';
	n->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return n->fd >= 0 ? 0 : FAIL(e, errno, "NOTIFY_SOCKET");
}

static int set_watchdog(struct notify *n, const char *usec, const char *pid, struct err *e)
{
	char *end;
	unsigned long long us;

	if (pid) {
		errno = 0;
		us = strtoull(pid, &end, 10);
		if (errno != 0 || end == pid || *end != '\0')
			return FAIL(e, 0, "WATCHDOG_PID is not a process id");
		/* Inherited from a parent process. */
		if (us != (unsigned long long)getpid())
			return 0;
	}
	errno = 0;
	us = strtoull(usec, &end, 10);
	if (errno != 0 || usec[0] < '0' || usec[0] > '9' || *end != '\0' || us < 1000)
		return FAIL(
			e, 0, "WATCHDOG_USEC is not a number of microseconds in the range of dspd");
	us /= 1000;
	n->watchdog_ms = us < UINT_MAX ? (unsigned)us : UINT_MAX;
	return 0;
}

int notify_open(struct notify *n, struct err *e)
{
	/* NOLINTBEGIN(concurrency-mt-unsafe): one thread */
	const char *path = getenv("NOTIFY_SOCKET");
	const char *usec = getenv("WATCHDOG_USEC");
	int rc = 0;

	*n = (struct notify){ .fd = -1 };
	if (path && path[0] != '\0')
		rc = set_address(n, path, e);
	if (rc == 0 && n->fd >= 0 && usec)
		rc = set_watchdog(n, usec, getenv("WATCHDOG_PID"), e);
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
	/* NOLINTEND(concurrency-mt-unsafe) */
	return rc;
}

/* False: there is no room now; try again later. */
static bool send_datagram(const struct notify *n, const char *text)
{
	if (n->fd < 0 ||
		sendto(n->fd, text, strlen(text), MSG_NOSIGNAL,
			(const struct sockaddr *)&n->address, n->length) >= 0)
		return true;
	return errno != EAGAIN && errno != ENOBUFS && errno != EINTR;
}

void notify_ready(struct notify *n, const char *status)
{
	struct line l;
	size_t start;

	line_init(&l, n->state, sizeof(n->state));
	line_add(&l, "READY=1\nSTATUS=");
	start = l.n;
	line_add_cut(&l, span_of(status));
	/* A newline would begin another assignment. */
	for (size_t i = start; i < l.n; i++) {
		if (n->state[i] < 0x20 || n->state[i] > 0x7e)
			n->state[i] = '?';
	}
	n->late = !send_datagram(n, n->state);
}

/* If it is lost it is not repeated: READY=1 follows at once. */
void notify_reloading(struct notify *n)
{
	char text[80];
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	(void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		(uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000);
	(void)send_datagram(n, text);
}

void notify_stopping(struct notify *n)
{
	n->late = false;
	(void)send_datagram(n, "STOPPING=1");
}

unsigned notify_alive(struct notify *n)
{
	unsigned again = n->watchdog_ms > 0 ? n->watchdog_ms / SIGNS : IDLE_MS;

	if (n->late)
		n->late = !send_datagram(n, n->state);
	if (n->watchdog_ms > 0)
		(void)send_datagram(n, "WATCHDOG=1");
	if (n->late && again > RETRY_MS)
		again = RETRY_MS;
	return again > 0 ? again : 1;
}
