#include "lookup_process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/host/lookup_pool.h"
#include "dsp/system/file.h"
#include "dsp/system/log.h"
#include "lookup_filter.h"
#include "lookup_server.h"
#include "lookup_stream.h"

enum { STOP_MS = 200 };

/* One process has one. The look-ups' threads use control; what they tell is atomic, or locked. */
static int control = -1;
static bool sees_all;
static atomic_uint number;
static atomic_uint failures;
static atomic_ulong begun; /* look-ups that began there */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char trouble[160]; /* guarded by mutex */
/* A process that looks up, and the place where it says which source it is at. */
struct stream {
	int fd; /* -1: none */
	size_t place;
};
static struct lookup_place *places;      /* shared with the processes */
static bool place_used[LOOKUP_PLACES];   /* guarded by mutex */
static struct stream idle[POOL_THREADS]; /* to processes that wait for a look-up; the same */
static size_t idle_count;                /* the same */
static pid_t keeper; /* the same; reaped at the end alone: no other process gets its signals */

/* --- the start ---------------------------------------------------------------------------------*/

/* Keeps of the capabilities those in mask. -1 and errno. */
static int keep_capabilities(uint32_t mask, uint32_t *kept)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct has[_LINUX_CAPABILITY_U32S_3];
	struct __user_cap_data_struct keeps[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	if (syscall(SYS_capget, &head, has) != 0)
		return -1;
	keeps[0].permitted = keeps[0].effective = *kept = has[0].permitted & mask;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
		return -1;
	return (int)syscall(SYS_capset, &head, keeps);
}

static bool has_right_to_search(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct has[_LINUX_CAPABILITY_U32S_3];

	return syscall(SYS_capget, &head, has) == 0 &&
		(has[0].effective & 1U << CAP_DAC_READ_SEARCH) != 0;
}

/* In the keeper. With root's right to trace, dockerd's program is seen too. */
static _Noreturn void run_keeper(pid_t dspd, int fd)
{
	const uint32_t rights = 1U << CAP_DAC_READ_SEARCH | 1U << CAP_SYS_PTRACE;
	uint32_t kept;
	sigset_t signals;
	struct err e;

	/* A service manager signals all processes of the unit; these end with dspd. */
	(void)sigfillset(&signals);
	(void)sigdelset(&signals, SIGUSR1);
	(void)sigprocmask(SIG_SETMASK, &signals, NULL);
	if (dup2(fd, STDERR_FILENO + 1) < 0)
		_exit(EXIT_FAILURE);
	closefrom(STDERR_FILENO + 2);
	(void)prctl(PR_SET_NAME, "dsp-lookups", 0, 0, 0);
	if (keep_capabilities(rights, &kept) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
		log_fault("the look-up process cannot give up its rights: %s", strerror(errno));
		_exit(EXIT_FAILURE);
	}
	if (lookup_filter_install(&e) != 0) {
		log_fault("%s", e.text);
		_exit(EXIT_FAILURE);
	}
	/* After capset, which resets it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != dspd)
		_exit(EXIT_FAILURE);
	lookup_server_keep(STDERR_FILENO + 1, places);
}

int lookup_process_start(struct err *e)
{
	pid_t self = getpid();
	uint32_t kept;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return FAIL(e, errno, "the look-up process");
	places = mmap(NULL, LOOKUP_PLACES * sizeof(*places), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (places == MAP_FAILED)
		return FAIL(e, errno, "the look-up process");
	sees_all = has_right_to_search();
	/* Where it is ignored, as whoever starts dspd may leave it, no end of a child is seen. */
	(void)signal(SIGCHLD, SIG_DFL);
	keeper = fork();
	if (keeper == 0)
		run_keeper(self, pair[1]);
	(void)close(pair[1]);
	control = pair[0];
	if (keeper < 0)
		return FAIL(e, errno, "the look-up process");
	/* root's rights are root's. */
	if (geteuid() != 0 && keep_capabilities(0, &kept) != 0)
		return FAIL(e, errno, "cannot drop the capabilities");
	return 0;
}

/* --- a look-up ---------------------------------------------------------------------------------*/

/* Hands over one end of a stream, its place, and the table of mounts. -1 and errno. */
static int open_stream(const struct host_tables *tables, struct stream *s)
{
	unsigned char byte = (unsigned char)s->place;
	struct iovec part = { &byte, 1 };
	size_t count = tables->mounts >= 0 ? 2 : 1;
	union {
		char room[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr head;
	} rights = { .room = "" };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &rights };
	int pair[2];
	int fds[2];
	int code;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return -1;
	fds[0] = pair[1];
	fds[1] = tables->mounts;
	m.msg_controllen = CMSG_SPACE(count * sizeof(int));
	rights.head.cmsg_len = CMSG_LEN(count * sizeof(int));
	rights.head.cmsg_level = SOL_SOCKET;
	rights.head.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&rights.head), fds, count * sizeof(int));
	code = sendmsg(control, &m, MSG_NOSIGNAL) == 1 ? 0 : errno;
	(void)close(pair[1]);
	s->fd = pair[0];
	errno = code;
	return code == 0 ? 0 : -1;
}

/* The process hangs: its keeper starts another. */
static void replace_process(void)
{
	(void)pthread_mutex_lock(&mutex);
	if (keeper > 0)
		(void)kill(keeper, SIGUSR1);
	(void)pthread_mutex_unlock(&mutex);
}

/* Waits for the first reply, at most as long as a request waits. */
static int wait_for_begin(int fd)
{
	const struct timeval most = { .tv_sec = POOL_DEADLINE_MS / 1000 };
	const struct timeval none = { .tv_sec = 0 };
	unsigned long before = begun;
	struct lookup_reply r;
	int code;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most)) != 0)
		return errno;
	code = lookup_stream_reply(fd, &r);
	/* No look-up began in all that time. */
	if (code == ETIMEDOUT && begun == before)
		replace_process();
	if (code != 0)
		return code;
	if (r.kind != LOOKUP_BEGUN)
		return EPROTO;
	(void)atomic_fetch_add(&begun, 1);
	atomic_store(&number, r.number);
	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none)) == 0 ? 0 : errno;
}

/* A stream to a process that waits for a look-up; fd -1: none does. The last one comes first. */
static struct stream take_idle(void)
{
	struct stream s = { .fd = -1 };

	(void)pthread_mutex_lock(&mutex);
	if (idle_count > 0)
		s = idle[--idle_count];
	(void)pthread_mutex_unlock(&mutex);
	return s;
}

/* The process of a stream that is closed ends; until then it can write nonsense to its place. */
static void stream_close(struct stream *s)
{
	if (s->fd < 0)
		return;
	(void)close(s->fd);
	s->fd = -1;
	(void)pthread_mutex_lock(&mutex);
	place_used[s->place] = false;
	(void)pthread_mutex_unlock(&mutex);
}

static void keep_idle(struct stream *s)
{
	(void)pthread_mutex_lock(&mutex);
	if (idle_count < sizeof(idle) / sizeof(idle[0])) {
		idle[idle_count++] = *s;
		s->fd = -1;
	}
	(void)pthread_mutex_unlock(&mutex);
	stream_close(s);
}

/* There are more places than threads and processes that wait. */
static size_t take_place(void)
{
	size_t i = 0;

	(void)pthread_mutex_lock(&mutex);
	while (i + 1 < LOOKUP_PLACES && place_used[i])
		i++;
	place_used[i] = true;
	(void)pthread_mutex_unlock(&mutex);
	return i;
}

/* A stream to a new process. Returns 0, or an errno value; the caller calls stream_close. */
static int begin(struct host_tables *tables, struct stream *s)
{
	if (host_tables_open_mounts(tables) != 0)
		return errno;
	s->place = take_place();
	if (open_stream(tables, s) != 0)
		return errno;
	/* First of all: a long request would wait without end for a process that hangs. */
	return wait_for_begin(s->fd);
}

static int ask(const struct stream *s, struct mount_lookup *l, const struct host_tables *tables)
{
	struct lookup_place *place = &places[s->place];
	int code;

	atomic_store(&place->at, 0);
	mount_lookup_share(l, place);
	code = lookup_stream_send(s->fd, l, tables);
	if (code == 0)
		code = lookup_stream_receive(s->fd, l);
	mount_lookup_share(l, NULL);
	return code;
}

/* Whether a process that waited has ended before it had the request: another can have it. */
static bool has_gone(int code, const struct mount_lookup *l)
{
	return (code == EPIPE || code == ECONNRESET) && mount_lookup_position(l).source.n == 0;
}

static int look_up(struct mount_lookup *l, struct host_tables *tables)
{
	struct stream s = { .fd = -1 };
	int code = EPIPE;

	if (host_tables_recall(mount_lookup_docker(l), tables) != 0)
		return errno;
	while (has_gone(code, l)) {
		stream_close(&s);
		s = take_idle();
		if (s.fd < 0)
			break;
		code = ask(&s, l, tables);
	}
	if (s.fd < 0) {
		code = begin(tables, &s);
		if (code == 0)
			code = ask(&s, l, tables);
	}
	if (code == 0)
		keep_idle(&s);
	stream_close(&s);
	return code;
}

void lookup_process_run(struct mount_lookup *l)
{
	struct host_tables tables = { .mounts = -1 };
	int code = look_up(l, &tables);

	host_tables_free(&tables);
	if (code != 0) {
		struct err e;

		err_set(&e, code, "%s",
			code == EPIPE ? "the look-up process has ended" : "a look-up");
		(void)atomic_fetch_add(&failures, 1);
		(void)pthread_mutex_lock(&mutex);
		text_copy(span_of(e.text), trouble, sizeof(trouble));
		(void)pthread_mutex_unlock(&mutex);
	}
	mount_lookup_end(l, code);
}

/* --- state and end -----------------------------------------------------------------------------*/

static bool has_ended(void)
{
	siginfo_t info = { .si_pid = 0 };

	return keeper <= 0 ||
		waitid(P_PID, (id_t)keeper, &info, WEXITED | WNOWAIT | WNOHANG) != 0 ||
		info.si_pid != 0;
}

struct lookup_process_state lookup_process_state(void)
{
	struct lookup_process_state s = { .sees_all = sees_all, .failures = failures };
	unsigned last = number;

	s.running = !has_ended();
	s.restarts = last > 1 ? last - 1 : 0;
	(void)pthread_mutex_lock(&mutex);
	memcpy(s.trouble, trouble, sizeof(s.trouble));
	(void)pthread_mutex_unlock(&mutex);
	return s;
}

void lookup_process_stop(void)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	for (struct stream s = take_idle(); s.fd >= 0; s = take_idle())
		stream_close(&s);
	/* The process ends when it sees this, and the keeper, which waits for it, then. */
	if (control >= 0)
		(void)shutdown(control, SHUT_RDWR);
	for (int i = 0; i < STOP_MS && !has_ended(); i++)
		(void)nanosleep(&pause, NULL);
	(void)pthread_mutex_lock(&mutex);
	if (keeper > 0 && kill(keeper, SIGKILL) == 0)
		(void)waitpid(keeper, NULL, 0);
	keeper = 0;
	(void)pthread_mutex_unlock(&mutex);
}
