#include "dsp/system/syscall_filter.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>

enum {
	NEW_NAMESPACES = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
		CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET,
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const int basic[] = {
	/* open descriptors */
	SCMP_SYS(read),
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
	SCMP_SYS(clock_gettime),
};

static const struct syscall_condition basic_conditions[] = {
	{ SCMP_SYS(mmap), 2, PROT_EXEC, 0 },
	{ SCMP_SYS(mprotect), 2, PROT_EXEC, 0 },
	{ SCMP_SYS(clone), 0, NEW_NAMESPACES, 0 },
	{ SCMP_SYS(prctl), 0, UINT64_MAX, PR_SET_PDEATHSIG },
};

static int allow(scmp_filter_ctx filter, const int *calls, size_t count)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	return rc;
}

static int allow_when(scmp_filter_ctx filter, const struct syscall_condition *c, size_t count)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, c[i].call, 1,
			SCMP_CMP(c[i].argument, SCMP_CMP_MASKED_EQ, c[i].mask, c[i].value));
	return rc;
}

static int add_rules(scmp_filter_ctx filter, const struct syscall_filter *f)
{
	/* Its flags lie in memory, which no filter can read; libc then takes clone. */
	int rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

	if (rc == 0 && f->missing != -1)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), f->missing, 0);
	if (rc == 0)
		rc = allow(filter, basic, COUNT(basic));
	if (rc == 0)
		rc = allow_when(filter, basic_conditions, COUNT(basic_conditions));
	if (rc == 0)
		rc = allow(filter, f->allowed, f->allowed_count);
	return rc == 0 ? allow_when(filter, f->conditions, f->condition_count) : rc;
}

int syscall_filter_install(const struct syscall_filter *f, struct err *e)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc = filter ? add_rules(filter, f) : -ENOMEM;

	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	return rc == 0 ? 0 : FAIL(e, -rc, "cannot restrict the system calls");
}
