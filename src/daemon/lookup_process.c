#include "lookup_process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dsp/core/base/text.h"
#include "dsp/host/host_tables.h"
#include "dsp/system/log.h"
#include "lookup_filter.h"
#include "lookup_pool.h"
#include "lookup_server.h"

enum { STOP_MS = 200 };

/* One process has one; its event loop alone uses all of this. */
static int control = -1;
static bool sees_all;
static unsigned number;
static unsigned failures;
static unsigned long begun; /* processes that were ready for look-ups */
static char trouble[160];
static struct lookup_place *places; /* shared with the processes */
static pid_t keeper;                /* reaped at the end alone: no other process gets its signals */

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
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	(void)sigprocmask(SIG_SETMASK, &signals, NULL);
	if (dup2(fd, STDERR_FILENO + 1) < 0)
		_exit(EXIT_FAILURE);
	closefrom(STDERR_FILENO + 2);
	(void)prctl(PR_SET_NAME, "dsp-lookups", 0, 0, 0);
	if (keep_capabilities(rights, &kept) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
		/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
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

/* --- processes for look-ups --------------------------------------------------------------------*/

/* Sends one end of the stream pair, the number of its place, and the table of mounts. */
static int hand_over(size_t place, int end, const struct host_tables *tables)
{
	unsigned char byte = (unsigned char)place;
	struct iovec part = { &byte, 1 };
	const int fds[2] = { end, tables->mounts };
	size_t count = tables->mounts >= 0 ? 2 : 1;
	union {
		char room[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr head;
	} rights = { .room = "" };
	struct msghdr m = { .msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &rights,
		.msg_controllen = CMSG_SPACE(count * sizeof(int)) };

	rights.head.cmsg_len = CMSG_LEN(count * sizeof(int));
	rights.head.cmsg_level = SOL_SOCKET;
	rights.head.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&rights.head), fds, count * sizeof(int));
	return sendmsg(control, &m, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 ? 0 : -1;
}

int lookup_process_open(size_t place, struct lookup_place **shared)
{
	struct host_tables tables = { .mounts = -1 };
	int code = 0;
	int pair[2];

	if (host_tables_open_mounts(&tables) != 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0) {
		code = hand_over(place, pair[1], &tables) == 0 ? 0 : errno;
		(void)close(pair[1]);
		if (code != 0)
			(void)close(pair[0]);
	} else {
		code = errno;
	}
	host_tables_free(&tables);
	*shared = &places[place];
	errno = code;
	return code == 0 ? pair[0] : -1;
}

void lookup_process_has_begun(unsigned process)
{
	begun++;
	number = process;
}

unsigned long lookup_process_begun(void)
{
	return begun;
}

void lookup_process_replace(void)
{
	if (keeper > 0)
		(void)kill(keeper, SIGUSR1);
}

void lookup_process_failed(int code)
{
	struct err e;

	err_set(&e, code, "%s", code == EPIPE ? "the look-up process has ended" : "a look-up");
	failures++;
	text_copy(span_of(e.text), trouble, sizeof(trouble));
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
	struct lookup_process_state s = { .running = !has_ended(),
		.sees_all = sees_all,
		.restarts = number > 1 ? number - 1 : 0,
		.failures = failures };

	memcpy(s.trouble, trouble, sizeof(s.trouble));
	return s;
}

void lookup_process_stop(void)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	/* The process ends when it sees this, and the keeper, which waits for it, then. */
	if (control >= 0)
		(void)shutdown(control, SHUT_RDWR);
	for (int i = 0; i < STOP_MS && !has_ended(); i++)
		(void)nanosleep(&pause, NULL);
	if (keeper > 0 && kill(keeper, SIGKILL) == 0)
		(void)waitpid(keeper, NULL, 0);
	keeper = 0;
}
