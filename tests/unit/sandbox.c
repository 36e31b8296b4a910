/*
 * What is left of a process behind the walls: tried in a child, whose status tells the first thing
 * that was not as it should be. The rest is seen from outside, in a real managed plugin.
 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "daemon/sandbox.h"
#include "daemon/seccomp.h"

#define REFUSED(call) MUST((call) < 0 && errno == EPERM)

static void *nothing(void *argument)
{
	return argument;
}

/* What dsp does, as long as it serves. */
static int goes_on(void)
{
	pthread_t thread;
	int pair[2];
	void *page;
	int fd;

	MUST(pthread_create(&thread, NULL, nothing, NULL) == 0);
	MUST(pthread_join(thread, NULL) == 0);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(page != MAP_FAILED && munmap(page, 4096) == 0);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	MUST(fd >= 0 && close(fd) == 0);
	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
	MUST(close(pair[0]) == 0 && close(pair[1]) == 0);
	fd = open("/proc/self/mountinfo", O_RDONLY);
	MUST(fd >= 0 && close(fd) == 0);
	return 0;
}

static int is_refused(void)
{
	char *const words[] = { (char *)(uintptr_t) "true", NULL };
	char *const none[] = { NULL };
	struct clone_args args = { .exit_signal = SIGCHLD };
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	REFUSED(execve("/bin/true", words, none));
	REFUSED(socket(AF_INET, SOCK_STREAM, 0));
	REFUSED(socket(AF_NETLINK, SOCK_RAW, 0));
	REFUSED(socket(AF_VSOCK, SOCK_STREAM, 0));
	MUST(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
			MAP_FAILED &&
		errno == EPERM);
	MUST(page != MAP_FAILED);
	REFUSED(mprotect(page, 4096, PROT_READ | PROT_EXEC));
	REFUSED(unshare(CLONE_NEWUSER));
	REFUSED(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0));
	MUST(syscall(SYS_clone3, &args, sizeof(args)) < 0 && errno == ENOSYS);
	REFUSED(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
	REFUSED(chroot("/"));
	REFUSED(syscall(SYS_bpf, 0, NULL, 0));
	REFUSED(syscall(SYS_io_uring_setup, 1, NULL));
	REFUSED(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
	return 0;
}

static int restricted(void)
{
	struct err e;
	int rc;

	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	MUST(seccomp_restrict(&e) == 0);
	rc = goes_on();
	return rc ? rc : is_refused();
}

/* Without giving up new privileges only root may set a filter; dsp never relies on that. */
static int entered(void)
{
	struct err e;
	int rc;

	MUST(sandbox_enter(&e) == 0);
	MUST(geteuid() == SANDBOX_ID && getegid() == SANDBOX_ID && getgroups(0, NULL) == 0);
	MUST(prctl(PR_CAPBSET_READ, 0, 0, 0, 0) == 0);
	MUST(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	MUST(setuid(0) != 0 && setgid(0) != 0);
	MUST(open("/etc/shadow", O_RDONLY) < 0 && errno == EACCES);
	rc = goes_on();
	return rc ? rc : is_refused();
}

static int not_root(void)
{
	struct err e;

	MUST(setresgid(SANDBOX_ID, SANDBOX_ID, SANDBOX_ID) == 0);
	MUST(setresuid(SANDBOX_ID, SANDBOX_ID, SANDBOX_ID) == 0);
	MUST(sandbox_prepare(&e) != 0 && strstr(e.text, "root"));
	MUST(sandbox_enter(&e) != 0 && e.text[0]);
	return 0;
}

static int prepared(void)
{
	int before = open("/dev/null", O_RDONLY);
	struct err e;

	MUST(before >= 0 && sandbox_prepare(&e) == 0);
	MUST(fcntl(before, F_GETFD) < 0 && errno == EBADF);
	MUST(fcntl(STDERR_FILENO, F_GETFD) >= 0);
	return 0;
}

static void calls_that_dsp_never_makes(void **state)
{
	(void)state;
	in_child(restricted, 20);
}

static void root_is_gone_for_good(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	in_child(entered, 20);
}

static void nothing_is_entered_halfway(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	in_child(not_root, 20);
}

static void nothing_is_left_open(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	in_child(prepared, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_that_dsp_never_makes),
		cmocka_unit_test(root_is_gone_for_good),
		cmocka_unit_test(nothing_is_entered_halfway),
		cmocka_unit_test(nothing_is_left_open),
	};

	return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
