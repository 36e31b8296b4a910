#include "lookup_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum {
	NEW_NAMESPACES = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
		CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET,
};

/* Descriptors come from dspd, or are O_PATH. */
static const int allowed[] = {
	/* looking */
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(stat),
	SCMP_SYS(lstat),
	SCMP_SYS(statx),
	SCMP_SYS(fstatfs),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	/* its sockets, the table of mounts, the log */
	SCMP_SYS(recvmsg),
	SCMP_SYS(read),
	SCMP_SYS(lseek),
	SCMP_SYS(write),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(close),
	/* memory */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(getrandom),
	SCMP_SYS(futex),
	/* processes and signals; clock */
	SCMP_SYS(wait4),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(getpid),
	SCMP_SYS(getppid),
	SCMP_SYS(gettid),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(sched_yield),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
};

/* A call that is allowed when all bits of a mask in one argument have one value. */
static const struct {
	int call;
	unsigned argument;
	scmp_datum_t mask;
	scmp_datum_t value;
} allowed_when[] = {
	{ SCMP_SYS(openat), 2, O_PATH, O_PATH },
	{ SCMP_SYS(open), 1, O_PATH, O_PATH },
	{ SCMP_SYS(mmap), 2, PROT_EXEC, 0 },
	{ SCMP_SYS(mprotect), 2, PROT_EXEC, 0 },
	{ SCMP_SYS(clone), 0, NEW_NAMESPACES, 0 },
	{ SCMP_SYS(kill), 1, ~(scmp_datum_t)0, SIGKILL },
	{ SCMP_SYS(prlimit64), 1, ~(scmp_datum_t)0, RLIMIT_CPU },
	{ SCMP_SYS(prctl), 0, ~(scmp_datum_t)0, PR_SET_PDEATHSIG },
};

static int add_rules(scmp_filter_ctx filter)
{
	/* What lies in memory no filter can read: their callers have other ways. */
	int rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(openat2), 0);

	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	for (size_t i = 0; rc == 0 && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; rc == 0 && i < sizeof(allowed_when) / sizeof(allowed_when[0]); i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_when[i].call, 1,
			SCMP_CMP(allowed_when[i].argument, SCMP_CMP_MASKED_EQ, allowed_when[i].mask,
				allowed_when[i].value));
	return rc;
}

int lookup_filter_install(struct err *e)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc = filter ? add_rules(filter) : -ENOMEM;

	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	return rc == 0 ? 0 : FAIL(e, -rc, "cannot restrict the look-ups' system calls");
}
