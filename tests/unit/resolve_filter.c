/* What dsp-resolve may not do: tried in a child, since it is for good. */
#include "child.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "resolve/resolve_filter.h"

#define REFUSED(call) MUST((call) < 0 && errno == EPERM)

static int may_only_ask(void)
{
	struct sockaddr_un nowhere = { .sun_family = AF_UNIX, .sun_path = "/nowhere/none" };
	char *const none[] = { NULL };
	char bytes[200] = "";
	struct err e;
	int pair[2];
	int fd;
	pid_t child;

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	MUST(resolve_filter_install(&e) == 0);
	/* what it does */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	MUST(fd >= 0);
	MUST(connect(fd, (const struct sockaddr *)&nowhere, sizeof(nowhere)) < 0 &&
		errno == ENOENT);
	MUST(send(pair[0], "x", 1, MSG_NOSIGNAL) == 1 && recv(pair[1], bytes, 1, 0) == 1);
	child = fork();
	if (child == 0)
		_exit(0);
	MUST(child > 0 && waitpid(child, NULL, 0) == child);
	MUST(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0);
	/* files, programs, other processes, other rights */
	REFUSED(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
	REFUSED(open("/tmp", O_PATH | O_CLOEXEC));
	REFUSED(syscall(SYS_openat2, AT_FDCWD, "/tmp", bytes, 24));
	REFUSED(syscall(SYS_creat, "/tmp/x", 0600));
	REFUSED(unlink("/tmp/none"));
	REFUSED(mkdir("/tmp/none", 0700));
	REFUSED(access("/tmp", F_OK));
	REFUSED(execve("/bin/true", none, none));
	REFUSED(syscall(SYS_execveat, AT_FDCWD, "/bin/true", none, none, 0));
	REFUSED(kill(getppid(), SIGTERM));
	REFUSED(syscall(SYS_ptrace, PTRACE_ATTACH, getppid(), NULL, NULL));
	REFUSED(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0));
	MUST(syscall(SYS_clone3, bytes, 88) < 0 && errno == ENOSYS);
	REFUSED(syscall(SYS_unshare, CLONE_NEWNS));
	REFUSED(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
	REFUSED(setuid(0));
	REFUSED(syscall(SYS_seccomp, 0, 0, NULL));
	/* other sockets, code */
	REFUSED(socket(AF_INET, SOCK_STREAM, 0));
	REFUSED(socket(AF_NETLINK, SOCK_RAW, 0));
	REFUSED(listen(fd, 1));
	REFUSED(bind(fd, (const struct sockaddr *)&nowhere, sizeof(nowhere)));
	REFUSED(syscall(SYS_sendmsg, pair[0], bytes, 0));
	REFUSED(syscall(SYS_recvmsg, pair[0], bytes, 0));
	REFUSED(syscall(SYS_io_uring_setup, 1, bytes));
	REFUSED(syscall(SYS_bpf, 0, NULL, 0));
	MUST(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
			MAP_FAILED &&
		errno == EPERM);
	return 0;
}

static void filtered(void **state)
{
	(void)state;
	in_child(may_only_ask, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filtered),
	};

	return cmocka_run_group_tests_name("resolve_filter", tests, NULL, NULL);
}
