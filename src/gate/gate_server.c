#include "gate_server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dsp/core/base/text.h"
#include "dsp/system/clock.h"
#include "dsp/system/log.h"
#include "dsp/system/unix_socket.h"
#include "relay.h"

enum {
	PAUSE_MS = 100,           /* when the system is out of something */
	DOCKER_BUSY_MS = 5000,    /* for room in the queue of dockerd's socket */
	CHILDREN_PAUSE_MS = 1000, /* the ends of children are counted at least as often */
	SEND_ROOM = 32 << 10,     /* bytes for one that does not read; the unit bounds the memory */
};

enum answer_status {
	STATUS_NONE, /* the answer is dockerd's */
	STATUS_BAD_REQUEST = 400,
	STATUS_TIMEOUT = 408,
	STATUS_BAD_GATEWAY = 502,
	STATUS_BUSY = 503,
};

struct gate {
	const char *docker;
	struct span token;
};

/* The connections that are open: the process of each, and whose client it serves. */
struct places {
	struct place {
		pid_t child;
		uid_t uid;
	} items[GATE_CONNECTIONS_MOST];
	unsigned count;
};

static int bound_send_room(int fd)
{
	static const int room = SEND_ROOM;

	return setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
}

/* --- one connection, in a process of its own ---------------------------------------------------*/

static struct gate_client client; /* of this process */

/* -1: it is in more groups than a header holds. */
static int read_groups(int fd)
{
	socklen_t groups = sizeof(client.groups);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, client.groups, &groups) != 0)
		return -1;
	client.group_count = groups / sizeof(client.groups[0]);
	return 0;
}

/* As dockerd answers errors, so that a client prints it. The text is ours, or strerror's. */
static void refuse(int fd, enum answer_status status, const char *why)
{
	char body[512];
	char answer[1024];
	int n = snprintf(body, sizeof(body), "{\"message\":\"dsp-gate: %s\"}\n", why);

	n = snprintf(answer, sizeof(answer),
		"HTTP/1.1 %d refused by dsp-gate\r\nContent-Type: application/json\r\n"
		"Connection: close\r\nContent-Length: %d\r\n\r\n%s",
		(int)status, n, body);
	/* It fits into the empty buffer of a new connection, or the client is gone. */
	(void)send(fd, answer, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static enum answer_status fail(enum answer_status status, struct err *e, int code, const char *why)
{
	err_set(e, code, "%s", why);
	return status;
}

/*
 * Reads a head, and perhaps more. STATUS_NONE and *head, the length of the head, and *n, that of
 * all that was read; else what the client is answered, and e.
 */
static enum answer_status read_head(
	int fd, char bytes[REQUEST_HEAD_MOST], size_t *head, size_t *n, struct err *e)
{
	uint64_t end = clock_now() + GATE_HEAD_MS;

	for (*n = 0; *n < REQUEST_HEAD_MOST;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint64_t now = clock_now();
		ssize_t got;

		if (now >= end)
			return fail(STATUS_TIMEOUT, e, 0,
				"the head of the request is not whole after 10 seconds");
		(void)poll(&p, 1, (int)(end - now));
		got = recv(fd, bytes + *n, REQUEST_HEAD_MOST - *n, 0);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (got <= 0)
			return fail(STATUS_BAD_REQUEST, e, 0,
				"the connection ends before the head of the request does");
		*n += (size_t)got;
		*head = request_head_length((struct span){ bytes, *n });
		if (*head > 0)
			return STATUS_NONE;
	}
	return fail(STATUS_BAD_REQUEST, e, 0, "the head of the request is longer than 64 KiB");
}

/* The socket of dockerd; -1 and errno. A full queue is waited for, as a client of dockerd would. */
static int connect_docker(const char *path)
{
	uint64_t end = clock_now() + DOCKER_BUSY_MS;
	int fd;

	while ((fd = unix_socket_connect(path)) < 0 && errno == EAGAIN && clock_now() < end)
		(void)poll(NULL, 0, PAUSE_MS);
	if (fd >= 0 && bound_send_room(fd) != 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* STATUS_NONE, or what the client is answered, and e. */
static enum answer_status serve(
	struct relay_request *request, const struct gate *gate, struct err *e)
{
	static char bytes[REQUEST_HEAD_MOST];
	enum answer_status status;
	size_t head;
	size_t n;

	status = read_head(request->client, bytes, &head, &n, e);
	if (status != STATUS_NONE)
		return status;
	if (request_head_parse((struct span){ bytes, head }, &request->head, e) != 0)
		return STATUS_BAD_REQUEST;
	request->rest = (struct span){ bytes + head, n - head };
	request->dockerd = connect_docker(gate->docker);
	if (request->dockerd < 0)
		return fail(STATUS_BAD_GATEWAY, e, errno, "cannot connect to dockerd");
	return relay_run(request, e) == 0 ? STATUS_NONE : STATUS_BAD_REQUEST;
}

static _Noreturn void run_child(int fd, int listen_fd, pid_t parent, const struct gate *gate)
{
	struct relay_request request = {
		.client = fd, .dockerd = -1, .token = gate->token, .from = &client
	};
	enum answer_status status;
	struct err e;

	(void)close(listen_fd);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != parent ||
		read_groups(fd) != 0 || bound_send_room(fd) != 0)
		_exit(EXIT_FAILURE);
	status = serve(&request, gate, &e);
	if (status != STATUS_NONE) {
		log_line("refused uid=%u gid=%u pid=%d: %s", client.who.uid, client.who.gid,
			client.who.pid, e.text);
		refuse(fd, status, e.text);
	}
	if (request.dockerd >= 0)
		(void)close(request.dockerd);
	relay_linger(fd);
	_exit(EXIT_SUCCESS);
}

/* --- the loop ----------------------------------------------------------------------------------*/

/* Frees the places of children that have ended. */
static void reap(struct places *p)
{
	pid_t child;

	while (p->count > 0 && (child = waitpid(-1, NULL, WNOHANG)) > 0) {
		for (unsigned i = 0; i < p->count; i++) {
			if (p->items[i].child != child)
				continue;
			p->items[i] = p->items[--p->count];
			break;
		}
	}
}

/*
 * Each uid may have up to twice as many as are free: alone it gets two thirds, and no few of them
 * can take all.
 */
static bool has_place(const struct places *p, uid_t uid)
{
	unsigned own = 0;

	for (unsigned i = 0; i < p->count; i++)
		own += p->items[i].uid == uid;
	return own < 2 * (GATE_CONNECTIONS_MOST - p->count);
}

/* Answers one without a place. What it has sent is read: else it would get an error after that. */
static void turn_away(int fd)
{
	char bytes[2048];

	refuse(fd, STATUS_BUSY, "too many connections are open");
	(void)shutdown(fd, SHUT_RDWR);
	while (recv(fd, bytes, sizeof(bytes), 0) > 0)
		;
}

/* Gives a client's connection a process, or answers that there is no place. */
static void admit(struct places *p, int fd, int listen_fd, const struct gate *gate)
{
	socklen_t n = sizeof(client.who);
	pid_t self = getpid();
	pid_t child = -1;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &client.who, &n) != 0)
		return;
	if (has_place(p, client.who.uid))
		child = fork();
	if (child == 0)
		run_child(fd, listen_fd, self, gate);
	if (child > 0)
		p->items[p->count++] = (struct place){ child, client.who.uid };
	else
		turn_away(fd);
}

int gate_server_run(int listen_fd, const char *docker, struct span token, struct err *e)
{
	static struct places places;
	struct pollfd listener = { .fd = listen_fd, .events = POLLIN };
	struct gate gate = { docker, token };

	for (;;) {
		int fd;

		if (poll(&listener, 1, places.count > 0 ? CHILDREN_PAUSE_MS : -1) < 0 &&
			errno != EINTR)
			return FAIL(e, errno, "poll");
		reap(&places);
		fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			(void)poll(NULL, 0, PAUSE_MS);
		if (fd < 0)
			continue;
		admit(&places, fd, listen_fd, &gate);
		(void)close(fd);
	}
}
