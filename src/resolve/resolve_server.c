#include "resolve_server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"
#include "dsp/protocol/http_client.h"
#include "dsp/protocol/resolve_protocol.h"
#include "dsp/system/file.h"

enum { PAUSE_MS = 100 /* when the system is out of something */ };

/* --- one connection, in a process of its own ---------------------------------------------------*/

/* Reads up to the first newline, which is cut. -1: no whole line, or more than a line. */
static int read_line(int fd, char line[RESOLVE_LINE_MOST], size_t *n)
{
	*n = 0;
	while (*n < RESOLVE_LINE_MOST) {
		ssize_t got = recv(fd, line + *n, RESOLVE_LINE_MOST - *n, 0);
		const char *end = got > 0 ? memchr(line + *n, '\n', (size_t)got) : NULL;

		if (got <= 0)
			return -1;
		*n += (size_t)got;
		if (!end)
			continue;
		if (end != line + *n - 1)
			return -1;
		--*n;
		return 0;
	}
	return -1;
}

/* Writes the answer to a request; returns its length. */
static size_t answer(const struct resolve_request *q, const char *docker, char *out)
{
	char target[RESOLVE_TARGET_ROOM];
	const struct http_request get = {
		.target = target, .token = q->token, .wait_ms = RESOLVE_DOCKER_MS
	};
	struct http_reply r;
	struct err e;
	size_t n;

	resolve_target_write(q, target);
	if (http_client_get_as(docker, &get, &r, &e) != 0)
		return resolve_answer_write_error(e.text, out);
	/* The reply's text is ours: its body may be parsed in place. */
	n = resolve_answer_write(q, r.status, r.text + (r.body - r.text), r.len, out);
	http_reply_free(&r);
	return n;
}

static int serve(int fd, const char *docker)
{
	AUTO_MEM char *out = mem_alloc(RESOLVE_ANSWER_MOST);
	char line[RESOLVE_LINE_MOST];
	struct resolve_request q;
	size_t n;

	if (!out || read_line(fd, line, &n) != 0)
		return EXIT_FAILURE;
	if (resolve_request_parse((struct span){ line, n }, &q) != 0)
		n = resolve_answer_write_error("this is not a request of dspd", out);
	else
		n = answer(&q, docker, out);
	return file_write_all(fd, out, n) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- the loop ----------------------------------------------------------------------------------*/

static _Noreturn void run_child(int fd, int listen_fd, pid_t parent, const char *docker)
{
	(void)close(listen_fd);
	(void)alarm(RESOLVE_SECONDS);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != parent)
		_exit(EXIT_FAILURE);
	_exit(serve(fd, docker));
}

/* Counts the children that have ended. At the limit it waits for one of them. */
static void reap(unsigned *children)
{
	while (*children > 0) {
		int wait = *children >= RESOLVE_PROCESSES_MOST ? 0 : WNOHANG;
		pid_t ended = waitpid(-1, NULL, wait);

		if (ended > 0)
			--*children;
		else if (ended == 0 || errno != EINTR)
			return;
	}
}

int resolve_server_run(int listen_fd, const char *docker, struct err *e)
{
	struct pollfd listener = { .fd = listen_fd, .events = POLLIN };
	pid_t self = getpid();
	unsigned children = 0;

	for (;;) {
		pid_t child;
		int fd;

		/* While there are children, their ends are counted at least once a second. */
		if (poll(&listener, 1, children > 0 ? 1000 : -1) < 0 && errno != EINTR)
			return FAIL(e, errno, "poll");
		reap(&children);
		fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			(void)poll(NULL, 0, PAUSE_MS);
		if (fd < 0)
			continue;
		child = fork();
		if (child == 0)
			run_child(fd, listen_fd, self, docker);
		children += child > 0;
		/* Without a process the client sees its connection end, which is a failure. */
		(void)close(fd);
		if (child < 0)
			(void)poll(NULL, 0, PAUSE_MS);
	}
}
