#include "seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef ARCHITECTURE

enum {
	NEW_NAMESPACES = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
		CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET,
	X32 = 0x40000000, /* on x86-64: a second set of numbers for the same calls */
	ROW_MOST = 5,     /* instructions for a row */
};

/* A call that is refused: always, or when the argument has one of these bits. */
static const struct {
	uint32_t number;
	uint32_t bits; /* 0: always */
	uint32_t argument;
} refused[] = {
	/* other programs, and code that was not there at the start */
	{ SYS_execve, 0, 0 },
	{ SYS_execveat, 0, 0 },
	{ SYS_mmap, PROT_EXEC, 2 },
	{ SYS_mprotect, PROT_EXEC, 2 },
	{ SYS_pkey_mprotect, PROT_EXEC, 2 },
	{ SYS_personality, 0, 0 },
	/* other processes */
	{ SYS_ptrace, 0, 0 },
	{ SYS_process_vm_readv, 0, 0 },
	{ SYS_process_vm_writev, 0, 0 },
	{ SYS_pidfd_getfd, 0, 0 },
	{ SYS_kcmp, 0, 0 },
	/* other views of the machine */
	{ SYS_clone, NEW_NAMESPACES, 0 },
	{ SYS_unshare, 0, 0 },
	{ SYS_setns, 0, 0 },
	{ SYS_chroot, 0, 0 },
	{ SYS_pivot_root, 0, 0 },
	{ SYS_mount, 0, 0 },
	{ SYS_umount2, 0, 0 },
	{ SYS_move_mount, 0, 0 },
	{ SYS_open_tree, 0, 0 },
	{ SYS_fsopen, 0, 0 },
	{ SYS_fsmount, 0, 0 },
	{ SYS_fspick, 0, 0 },
	{ SYS_open_by_handle_at, 0, 0 },
	/* AF_UNIX is 1 */
	{ SYS_socket, ~(uint32_t)AF_UNIX, 0 },
	/* the kernel itself, and parts of it that were ways in */
	{ SYS_bpf, 0, 0 },
	{ SYS_perf_event_open, 0, 0 },
	{ SYS_userfaultfd, 0, 0 },
	{ SYS_io_uring_setup, 0, 0 },
	{ SYS_keyctl, 0, 0 },
	{ SYS_add_key, 0, 0 },
	{ SYS_request_key, 0, 0 },
	{ SYS_init_module, 0, 0 },
	{ SYS_finit_module, 0, 0 },
	{ SYS_delete_module, 0, 0 },
	{ SYS_kexec_load, 0, 0 },
	{ SYS_reboot, 0, 0 },
	{ SYS_swapon, 0, 0 },
	{ SYS_acct, 0, 0 },
	{ SYS_syslog, 0, 0 },
};

enum { ROWS = sizeof(refused) / sizeof(refused[0]), FIXED = 9 };

struct program {
	struct sock_filter code[FIXED + ROWS * ROW_MOST];
	unsigned short n;
};

static void add(struct program *p, uint16_t code, uint32_t k, uint8_t when_true, uint8_t when_false)
{
	p->code[p->n++] =
		(struct sock_filter){ .code = code, .jt = when_true, .jf = when_false, .k = k };
}

static void load(struct program *p, size_t offset)
{
	add(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void answer(struct program *p, uint32_t what)
{
	add(p, BPF_RET | BPF_K, what, 0, 0);
}

/* What does not match goes on behind the row. Both architectures have the low half first. */
static void add_row(struct program *p, size_t i)
{
	if (refused[i].bits == 0) {
		add(p, BPF_JMP | BPF_JEQ | BPF_K, refused[i].number, 0, 1);
	} else {
		add(p, BPF_JMP | BPF_JEQ | BPF_K, refused[i].number, 0, 4);
		load(p,
			offsetof(struct seccomp_data, args) +
				refused[i].argument * sizeof(uint64_t));
		add(p, BPF_JMP | BPF_JSET | BPF_K, refused[i].bits, 1, 0);
		answer(p, SECCOMP_RET_ALLOW);
	}
	answer(p, SECCOMP_RET_ERRNO | EPERM);
}

static void write_program(struct program *p)
{
	p->n = 0;
	load(p, offsetof(struct seccomp_data, arch));
	add(p, BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
	answer(p, SECCOMP_RET_KILL_PROCESS);
	load(p, offsetof(struct seccomp_data, nr));
	add(p, BPF_JMP | BPF_JGE | BPF_K, X32, 0, 1);
	answer(p, SECCOMP_RET_KILL_PROCESS);
	/* Its flags lie in memory, which no filter can read; libc then takes clone. */
	add(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1);
	answer(p, SECCOMP_RET_ERRNO | ENOSYS);
	for (size_t i = 0; i < ROWS; i++)
		add_row(p, i);
	answer(p, SECCOMP_RET_ALLOW);
}

int seccomp_restrict(struct err *e)
{
	struct program p;
	struct sock_fprog filter = { .filter = p.code };

	write_program(&p);
	filter.len = p.n;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) != 0)
		return FAIL(e, errno, "cannot restrict the system calls");
	return 0;
}

#else

int seccomp_restrict(struct err *e)
{
	(void)e;
	return 0;
}

#endif
