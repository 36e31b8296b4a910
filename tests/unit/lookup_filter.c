/* What the look-up process may not do: tried in a child, since it is for good. */
#include "child.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "daemon/lookup_filter.h"

#ifdef __x86_64__
static void call_x32(void)
{
	(void)syscall(0x40000000 | SYS_getpid);
}

static void call_i386(void)
{
	enum { GETPID = 20 };
	long number = GETPID;

	__asm__ volatile("int $0x80" : "+a"(number) : : "memory");
}

static bool kills(void (*call)(void))
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		call();
		_exit(0);
	}
	return waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
		WTERMSIG(status) == SIGSYS;
}
#endif

#define REFUSED(call) MUST((call) < 0 && errno == EPERM)

/* What is opened, read or written is nothing for a look-up. */
static int watches_names_alone(void)
{
	int events = inotify_init1(IN_CLOEXEC);

	MUST(events >= 0);
	MUST(inotify_add_watch(events, "/tmp", IN_CREATE | IN_DELETE | IN_MOVE | IN_ONLYDIR) >= 0);
	REFUSED(inotify_add_watch(events, "/tmp", IN_CREATE | IN_OPEN));
	REFUSED(inotify_add_watch(events, "/etc/passwd", IN_MODIFY));
	REFUSED(inotify_add_watch(events, "/etc/passwd", IN_ALL_EVENTS));
	return 0;
}

static int reads_nothing(void)
{
	char bytes[200] = "";
	struct err e;
	int pair[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	MUST(lookup_filter_install(&e) == 0);
	MUST(open("/tmp", O_PATH | O_CLOEXEC) >= 0);
	MUST(write(pair[0], "x", 1) == 1);
	/* what files contain */
	REFUSED(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
	REFUSED(open("/tmp", O_RDONLY | O_DIRECTORY));
	REFUSED(open("/tmp/x", O_WRONLY | O_CREAT, 0600));
	REFUSED(syscall(SYS_creat, "/tmp/x", 0600));
	MUST(syscall(SYS_openat2, AT_FDCWD, "/tmp", bytes, 24) < 0 && errno == ENOSYS);
	REFUSED(syscall(SYS_name_to_handle_at, AT_FDCWD, "/tmp", bytes, bytes, 0));
	REFUSED(syscall(SYS_open_by_handle_at, AT_FDCWD, bytes, O_RDONLY));
	REFUSED(syscall(SYS_getdents64, pair[0], bytes, sizeof(bytes)));
	REFUSED(syscall(SYS_getxattr, "/tmp", "user.x", bytes, sizeof(bytes)));
	REFUSED(syscall(SYS_io_uring_setup, 1, bytes));
	REFUSED(syscall(SYS_open_tree, AT_FDCWD, "/tmp", 1));
	REFUSED(syscall(SYS_fanotify_init, 0, 0));
	return watches_names_alone();
}

static int changes_nothing(void)
{
	const struct rlimit few = { 9, 9 };
	char *const none[] = { NULL };
	char bytes[200] = "";
	struct iovec part = { bytes, 1 };

	/* other processes, other programs, other rights */
	MUST(syscall(SYS_clone3, bytes, 88) < 0 && errno == ENOSYS);
	REFUSED(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0));
	REFUSED(syscall(SYS_unshare, CLONE_NEWNS));
	REFUSED(execve("/bin/true", none, none));
	REFUSED(syscall(SYS_execveat, AT_FDCWD, "/bin/true", none, none, 0));
	REFUSED(syscall(SYS_ptrace, 16, getppid(), NULL, NULL));
	REFUSED(syscall(SYS_process_vm_readv, getppid(), &part, 1, &part, 1, 0));
	REFUSED(syscall(SYS_process_vm_writev, getppid(), &part, 1, &part, 1, 0));
	REFUSED(syscall(SYS_pidfd_getfd, 0, 0, 0));
	REFUSED(kill(getppid(), SIGTERM));
	REFUSED(prlimit(0, RLIMIT_NOFILE, &few, NULL));
	REFUSED(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
	REFUSED(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
	REFUSED(setuid(0));
	REFUSED(syscall(SYS_capset, bytes, bytes));
	REFUSED(syscall(SYS_seccomp, 0, 0, NULL));
	/* other files, sockets, code */
	REFUSED(unlink("/tmp/none"));
	REFUSED(chdir("/tmp"));
	REFUSED(chroot("/tmp"));
	REFUSED(mkdir("/tmp/none", 0700));
	REFUSED(socket(AF_UNIX, SOCK_STREAM, 0));
	/* Whatever descriptor it got: no message to an address. */
	REFUSED(syscall(SYS_sendto, 0, bytes, 1, 0, bytes, sizeof(bytes)));
	REFUSED(syscall(SYS_sendmsg, 0, bytes, 0));
	REFUSED(syscall(SYS_ioctl, 0, 0, NULL));
	REFUSED(syscall(SYS_bpf, 0, NULL, 0));
	MUST(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
			MAP_FAILED &&
		errno == EPERM);
#ifdef __x86_64__
	/* Another ABI has other numbers. */
	MUST(kills(call_x32));
	MUST(kills(call_i386));
#endif
	return 0;
}

static int may_do_nothing_else(void)
{
	int rc = reads_nothing();

	return rc != 0 ? rc : changes_nothing();
}

static void filtered(void **state)
{
	(void)state;
	in_child(may_do_nothing_else, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filtered),
	};

	return cmocka_run_group_tests_name("lookup_filter", tests, NULL, NULL);
}
