#include "lookup_server.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/host/mount_lookup.h"
#include "dsp/system/file.h"
#include "dsp/system/log.h"
#include "lookup_message.h"
#include "lookup_pool.h"

enum {
	PAUSE_MS = 100,
	DEADLINE_S = POOL_DEADLINE_MS / 1000,
	RETIRES_S = 1, /* of computing, in all its look-ups */
};

/* --- one look-up -------------------------------------------------------------------------------*/

/* Where replies go; some may wait here for the next. */
struct answer {
	int fd;
	size_t count;
	struct lookup_reply replies[4];
};

static void add_reply(struct answer *a, enum lookup_reply_kind kind, size_t number,
	const struct mount_info *found, struct span path)
{
	struct lookup_reply r = { .kind = kind, .number = (uint32_t)number };

	/* Each of its parts is copied: a new one needs a place here and in lookup_stream.c. */
	_Static_assert(sizeof(*found) == 544, "all of struct mount_info");
	if (found) {
		r.file_system = found->file_system;
		r.inode = found->inode;
		r.node = (uint32_t)found->node;
		r.major = found->major;
		r.minor = found->minor;
		memcpy(r.place, found->place, sizeof(r.place));
	}
	if (found)
		r.flags = (found->visible ? LOOKUP_FLAG_VISIBLE : 0U) |
			(found->socket ? LOOKUP_FLAG_SOCKET : 0U) |
			(found->dsp_file ? LOOKUP_FLAG_DSP_FILE : 0U) |
			(found->device ? LOOKUP_FLAG_DEVICE : 0U) |
			(found->unknown ? LOOKUP_FLAG_UNKNOWN : 0U) |
			(found->maybe_socket ? LOOKUP_FLAG_MAYBE_SOCKET : 0U) |
			(found->holds_mounts ? LOOKUP_FLAG_HOLDS_MOUNTS : 0U);
	text_copy(path, r.path, sizeof(r.path));
	a->replies[a->count++] = r;
}

static int send_replies(struct answer *a)
{
	size_t n = a->count * sizeof(a->replies[0]);

	a->count = 0;
	return file_write_all(a->fd, (const char *)a->replies, n);
}

static int reply(int fd, enum lookup_reply_kind kind, size_t number)
{
	struct answer a = { .fd = fd };

	add_reply(&a, kind, number, NULL, (struct span){ NULL, 0 });
	return send_replies(&a);
}

/* What was found waits for more, or for the end. */
static int report(void *ctx, size_t index, const struct mount_info *found)
{
	struct answer *a = ctx;

	/* The last one is for LOOKUP_ENDED. */
	if (a->count + 1 == sizeof(a->replies) / sizeof(a->replies[0]) && send_replies(a) != 0)
		return -1;
	add_reply(a, LOOKUP_FOUND, index, found, span_of(found->path));
	return 0;
}

/* Reads up to most bytes, at least n. Returns how many; 0: dspd is gone. */
static size_t read_bytes(int fd, char *to, size_t n, size_t most)
{
	size_t at = 0;

	while (at < n) {
		ssize_t got = read(fd, to + at, most - at);

		if (got <= 0 && !(got < 0 && errno == EINTR))
			return 0;
		at += got > 0 ? (size_t)got : 0;
	}
	return at;
}

/* The request in *r, and its texts, which the caller frees. NULL: this is no request. */
static char *read_request(int fd, struct lookup_request *r, size_t *n)
{
	char first[1024];
	size_t got = read_bytes(fd, first, sizeof(*r), sizeof(first));
	char *room;

	if (got == 0)
		_exit(EXIT_SUCCESS);
	memcpy(r, first, sizeof(*r));
	got -= sizeof(*r);
	if (r->dir > LOOKUP_REQUEST_MOST || r->sockets > LOOKUP_REQUEST_MOST ||
		r->sources > LOOKUP_REQUEST_MOST)
		return NULL;
	*n = (size_t)r->dir + r->sockets + r->sources;
	room = got <= *n ? mem_alloc(*n + 1) : NULL;
	if (!room)
		return NULL;
	memcpy(room, first + sizeof(*r), got);
	if (got == *n || read_bytes(fd, room + got, *n - got, *n - got) > 0)
		return room;
	mem_free(room);
	return NULL;
}

/* NULL: this is no request. tables point into rest. */
static struct mount_lookup *parse_request(
	const struct lookup_request *r, struct span rest, struct host_tables *tables)
{
	struct mount_lookup *l = mount_lookup_new((struct span){ rest.s, r->dir }, r->docker);
	struct err e;

	rest = span_after(rest, r->dir);
	tables->known = r->known;
	tables->sockets = (struct span){ rest.s, r->sockets };
	/* Each path ends there. */
	if (!l || (r->sockets > 0 && rest.s[r->sockets - 1] != '\0'))
		return NULL;
	if (r->all_mounts)
		mount_lookup_set_all_mounts(l);
	rest = span_after(rest, r->sockets);
	for (uint32_t i = 0; i < r->count; i++) {
		uint32_t n;

		if (rest.n < sizeof(n))
			return NULL;
		memcpy(&n, rest.s, sizeof(n));
		rest = span_after(rest, sizeof(n));
		if (n > rest.n || mount_lookup_add(l, (struct span){ rest.s, n }, &e) != 0)
			return NULL;
		rest = span_after(rest, n);
	}
	return l;
}

/* Whether this process has computed for so long that it ends. */
static bool retires(void)
{
	struct timespec used;

	return clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0 || used.tv_sec >= RETIRES_S;
}

/*
 * One look-up. False: it was the last one. What cannot go on ends the process, and with it all that
 * it has.
 */
static bool serve_request(
	int fd, struct lookup_place *place, struct host_tables *tables, struct host_view **host)
{
	struct lookup_request r;
	struct mount_lookup *l;
	struct span text;
	AUTO_MEM char *room = NULL;
	struct answer a = { .fd = fd };
	bool last;
	int code;

	text.s = room = read_request(fd, &r, &text.n);
	if (!room)
		_exit(EXIT_FAILURE);
	l = parse_request(&r, text, tables);
	if (l)
		mount_lookup_share(l, place);
	code = l ? mount_lookup_inspect(l, tables, host, report, &a) : EPROTO;
	mount_lookup_release(l);
	last = retires();
	add_reply(&a, LOOKUP_ENDED, (size_t)code, NULL, (struct span){ NULL, 0 });
	a.replies[a.count - 1].flags = last ? LOOKUP_FLAG_LAST : 0U;
	if (send_replies(&a) != 0 || code != 0)
		_exit(EXIT_FAILURE);
	return !last;
}

/*
 * In a process of its own, for one look-up after the other: what is known of the host is kept for
 * the next one (host/host_view.h). Links that lead through links keep a processor busy for minutes:
 * each look-up may compute for as long as a request waits, and a process that has computed for a
 * second ends after its look-up, so that the limit is never what others have left. One that waits
 * for a file system goes on, so that others are not sent after it.
 */
static _Noreturn void serve(int fd, int mounts, struct lookup_place *place, unsigned number)
{
	const struct rlimit most = { RETIRES_S + DEADLINE_S, RETIRES_S + DEADLINE_S };
	struct host_tables tables = { .mounts = mounts };
	struct host_view *host = NULL;

	if (setrlimit(RLIMIT_CPU, &most) != 0 || reply(fd, LOOKUP_BEGUN, number) != 0)
		_exit(EXIT_FAILURE);
	while (serve_request(fd, place, &tables, &host))
		;
	_exit(EXIT_SUCCESS);
}

/* --- the look-up process -----------------------------------------------------------------------*/

static void close_both(int fds[2])
{
	for (int i = 0; i < 2; i++) {
		if (fds[i] >= 0)
			(void)close(fds[i]);
		fds[i] = -1;
	}
}

/*
 * 1: fds has the stream and the table of mounts, or -1; *place is the number of its place. 0: dspd
 * is gone. -1: nothing of use.
 */
static int receive(int control, unsigned char *place, int fds[2])
{
	struct iovec part = { place, 1 };
	union {
		char room[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} rights;
	struct msghdr m = { .msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &rights,
		.msg_controllen = sizeof(rights) };
	const struct cmsghdr *head;
	ssize_t n = recvmsg(control, &m, MSG_CMSG_CLOEXEC);

	fds[0] = fds[1] = -1;
	if (n <= 0)
		return n == 0 ? 0 : -1;
	head = CMSG_FIRSTHDR(&m);
	if (!head || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(fds, CMSG_DATA(head), head->cmsg_len - CMSG_LEN(0));
	/* Without room for the table of mounts a look-up would know less than the host has. */
	if (!(m.msg_flags & MSG_CTRUNC))
		return 1;
	close_both(fds);
	return -1;
}

/* This process ends with the one that made it. */
static void end_with(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != parent)
		_exit(EXIT_FAILURE);
}

static _Noreturn void serve_all(int control, struct lookup_place *places, unsigned number)
{
	pid_t self = getpid();
	unsigned char place = 0;
	int fds[2];
	int rc;

	/* No child of it is waited for. */
	(void)signal(SIGCHLD, SIG_IGN);
	while ((rc = receive(control, &place, fds)) != 0) {
		pid_t child = rc > 0 && place < LOOKUP_PLACES ? fork() : -1;

		if (child == 0) {
			end_with(self);
			(void)close(control);
			serve(fds[0], fds[1], &places[place], number);
		}
		close_both(fds);
		/* Without memory for a child dspd sees a stream that ends. */
		if (child < 0)
			(void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	_exit(EXIT_SUCCESS);
}

/* --- its keeper --------------------------------------------------------------------------------*/

static void interrupt(int number)
{
	(void)number;
}

static void wait_for(pid_t child, int *status)
{
	while (waitpid(child, status, 0) < 0) {
		/* Interrupted by SIGUSR1. */
		if (errno == EINTR)
			(void)kill(child, SIGKILL);
		else
			_exit(EXIT_FAILURE);
	}
}

void lookup_server_keep(int control, struct lookup_place *places)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
	struct sigaction action = { .sa_handler = interrupt };
	pid_t self = getpid();

	(void)sigaction(SIGUSR1, &action, NULL);
	for (unsigned number = 1;; number++) {
		pid_t child = fork();
		int status = 0;

		if (child == 0) {
			end_with(self);
			serve_all(control, places, number);
		}
		if (child > 0)
			wait_for(child, &status);
		if (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS)
			_exit(EXIT_SUCCESS);
		log_fault("the look-up process %s; it starts again",
			child > 0 ? "has ended" : "does not start");
		(void)nanosleep(&pause, NULL);
	}
}
