#include "seccomp.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum {
	NEW_NAMESPACES = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
		CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET,
};

/* A call that is refused: always, or when an argument has one of these bits. */
static const struct {
	int call;
	unsigned argument;
	uint32_t bits; /* 0: always */
} refused[] = {
	/* new programs, and new code */
	{ SCMP_SYS(execve), 0, 0 },
	{ SCMP_SYS(execveat), 0, 0 },
	{ SCMP_SYS(mmap), 2, PROT_EXEC },
	{ SCMP_SYS(mprotect), 2, PROT_EXEC },
	{ SCMP_SYS(pkey_mprotect), 2, PROT_EXEC },
	{ SCMP_SYS(personality), 0, 0 },
	/* other processes */
	{ SCMP_SYS(ptrace), 0, 0 },
	{ SCMP_SYS(process_vm_readv), 0, 0 },
	{ SCMP_SYS(process_vm_writev), 0, 0 },
	{ SCMP_SYS(pidfd_getfd), 0, 0 },
	{ SCMP_SYS(kcmp), 0, 0 },
	/* other views of the machine */
	{ SCMP_SYS(clone), 0, NEW_NAMESPACES },
	{ SCMP_SYS(unshare), 0, 0 },
	{ SCMP_SYS(setns), 0, 0 },
	{ SCMP_SYS(chroot), 0, 0 },
	{ SCMP_SYS(pivot_root), 0, 0 },
	{ SCMP_SYS(mount), 0, 0 },
	{ SCMP_SYS(umount2), 0, 0 },
	{ SCMP_SYS(move_mount), 0, 0 },
	{ SCMP_SYS(open_tree), 0, 0 },
	{ SCMP_SYS(fsopen), 0, 0 },
	{ SCMP_SYS(fsmount), 0, 0 },
	{ SCMP_SYS(fspick), 0, 0 },
	{ SCMP_SYS(open_by_handle_at), 0, 0 },
	/* the kernel itself, and parts of it that intruders used before */
	{ SCMP_SYS(bpf), 0, 0 },
	{ SCMP_SYS(perf_event_open), 0, 0 },
	{ SCMP_SYS(userfaultfd), 0, 0 },
	{ SCMP_SYS(io_uring_setup), 0, 0 },
	{ SCMP_SYS(keyctl), 0, 0 },
	{ SCMP_SYS(add_key), 0, 0 },
	{ SCMP_SYS(request_key), 0, 0 },
	{ SCMP_SYS(init_module), 0, 0 },
	{ SCMP_SYS(finit_module), 0, 0 },
	{ SCMP_SYS(delete_module), 0, 0 },
	{ SCMP_SYS(kexec_load), 0, 0 },
	{ SCMP_SYS(reboot), 0, 0 },
	{ SCMP_SYS(swapon), 0, 0 },
	{ SCMP_SYS(acct), 0, 0 },
	{ SCMP_SYS(syslog), 0, 0 },
};

static int refuse(scmp_filter_ctx filter, size_t i)
{
	uint32_t rest = refused[i].bits;
	int rc = 0;

	if (rest == 0)
		return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), refused[i].call, 0);
	for (; rc == 0 && rest; rest &= rest - 1)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), refused[i].call, 1,
			SCMP_CMP(refused[i].argument, SCMP_CMP_MASKED_EQ, rest & -rest,
				rest & -rest));
	return rc;
}

static int add_rules(scmp_filter_ctx filter)
{
	int rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	/* Its flags lie in memory, which no filter can read; libc then takes clone. */
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
			SCMP_A0(SCMP_CMP_NE, AF_UNIX, 0));
	for (size_t i = 0; rc == 0 && i < sizeof(refused) / sizeof(refused[0]); i++)
		rc = refuse(filter, i);
	return rc;
}

int seccomp_restrict(struct err *e)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int rc = filter ? add_rules(filter) : -ENOMEM;

	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	return rc == 0 ? 0 : FAIL(e, -rc, "cannot restrict the system calls");
}
