/*
 * The limit that the bench measures against: an epoll server which reads whole HTTP requests on a
 * unix socket, looks at nothing but their length, and gives every one the same answer, which is
 * also right for the question what the plugin does.
 * usage: bare SOCKET
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FIRST_ROOM = 16384, BACKLOG = 512, EVENTS = 64, MOST_FILES = 1024 };

/* One connection; they stand in a table by descriptor. */
struct conn {
	int fd;
	char *in;
	size_t have; /* bytes in it, of room */
	size_t room;
};

static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
			     "Content-Length: 37\r\n\r\n"
			     "{\"Allow\":true,\"Implements\":[\"authz\"]}";

static void conn_close(struct conn *c)
{
	close(c->fd);
	free(c->in);
	*c = (struct conn){ .fd = -1 };
}

static bool conn_grow(struct conn *c, size_t room)
{
	char *in = realloc(c->in, room);

	if (!in)
		return false;
	c->in = in;
	c->room = room;
	return true;
}

/* The value of Content-Length between the request line and end, or 0. */
static size_t content_length(const char *head, const char *end)
{
	static const char name[] = "\nContent-Length:";
	const size_t n = sizeof(name) - 1;

	for (const char *line = memchr(head, '\n', (size_t)(end - head)); line;
		line = memchr(line + 1, '\n', (size_t)(end - line - 1))) {
		if ((size_t)(end - line) > n && strncasecmp(line, name, n) == 0)
			return strtoul(line + n, NULL, 10);
	}
	return 0;
}

/* The length of the first request in the buffer, or 0 while its head is not complete. */
static size_t request_length(const struct conn *c)
{
	const char *end = memmem(c->in, c->have, "\r\n\r\n", 4);

	if (!end)
		return 0;
	return (size_t)(end - c->in) + 4 + content_length(c->in, end);
}

/* Answers what is complete, and makes room for what is not. False when the connection is over. */
static bool conn_answer(struct conn *c)
{
	while (c->have > 0) {
		size_t n = request_length(c);
		size_t need = n ? n : c->have + 1;

		if (n == 0 || n > c->have)
			return need <= c->room ||
				conn_grow(c, need > 2 * c->room ? need : 2 * c->room);
		if (send(c->fd, ANSWER, sizeof(ANSWER) - 1, MSG_NOSIGNAL) !=
			(ssize_t)sizeof(ANSWER) - 1)
			return false;
		c->have -= n;
		memmove(c->in, c->in + n, c->have);
	}
	return true;
}

/* False when the connection is over. */
static bool conn_serve(struct conn *c)
{
	do {
		ssize_t n = recv(c->fd, c->in + c->have, c->room - c->have, 0);

		if (n < 0)
			return errno == EAGAIN;
		if (n == 0)
			return false;
		c->have += (size_t)n;
		if (!conn_answer(c))
			return false;
	} while (c->have > 0);
	return true;
}

static void conn_accept(struct conn *table, int epoll, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct epoll_event want = { .events = EPOLLIN, .data.fd = fd };

	if (fd < 0)
		return;
	if (fd >= MOST_FILES) {
		close(fd);
		return;
	}
	table[fd].fd = fd;
	if (!conn_grow(&table[fd], FIRST_ROOM) || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &want))
		conn_close(&table[fd]);
}

static int listen_on(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int n = snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);

	if (fd < 0 || n < 0 || (size_t)n >= sizeof(at.sun_path))
		return -1;
	unlink(path);
	if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) || listen(fd, BACKLOG)) {
		close(fd);
		return -1;
	}
	return fd;
}

int main(int argc, char **argv)
{
	int listener = argc == 2 ? listen_on(argv[1]) : -1;
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event events[EVENTS] = { { .events = EPOLLIN, .data.fd = listener } };
	struct conn *table;

	if (listener < 0 || epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, events)) {
		fprintf(stderr, "usage: bare SOCKET (%s)\n", strerror(errno));
		return 2;
	}
	table = calloc(MOST_FILES, sizeof(*table));
	while (table) {
		int n = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			struct conn *c = &table[events[i].data.fd];

			if (events[i].data.fd == listener)
				conn_accept(table, epoll, listener);
			else if (!conn_serve(c))
				conn_close(c);
		}
	}
	return 1;
}
