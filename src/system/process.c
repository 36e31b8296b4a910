#include "dsp/system/process.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

enum {
	MOST_FILES = 65536,
	SPARE_FILES = 64, /* for all that is no connection */
};

unsigned process_raise_files(void)
{
	struct rlimit r = { .rlim_cur = 1024, .rlim_max = 1024 };
	rlim_t now;

	(void)getrlimit(RLIMIT_NOFILE, &r);
	now = r.rlim_cur;
	if (r.rlim_cur < MOST_FILES && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max < MOST_FILES ? r.rlim_max : MOST_FILES;
		if (setrlimit(RLIMIT_NOFILE, &r) == 0)
			now = r.rlim_cur;
	}
	if (now > MOST_FILES)
		now = MOST_FILES;
	return (unsigned)(now > 2 * SPARE_FILES ? now - SPARE_FILES : now / 2);
}

pid_t process_peer(int fd)
{
	struct ucred peer = { .pid = 0 };
	socklen_t n = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 ? peer.pid : 0;
}

static sigset_t ours(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	return set;
}

void process_block_signals(void)
{
	sigset_t set = ours();

	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

int process_signals(struct err *e)
{
	sigset_t set = ours();
	int fd;

	process_block_signals();
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd >= 0 ? fd : FAIL(e, errno, "signalfd");
}

/*
 * Left alone, glibc takes the size of the largest body it ever freed as the size from which it
 * maps memory, and keeps everything smaller. Fixed limits let big bodies go back at once; the
 * second is wide enough that the bodies of a busy moment do not come and go page by page.
 */
void process_tune_memory(void)
{
	/* NOLINTBEGIN(concurrency-mt-unsafe): one thread */
	(void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	(void)mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
	/* NOLINTEND(concurrency-mt-unsafe) */
}

void process_give_back_memory(void)
{
	(void)malloc_trim(0);
}
