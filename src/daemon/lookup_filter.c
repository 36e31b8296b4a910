#include "lookup_filter.h"

#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/resource.h>

#include "dsp/system/syscall_filter.h"

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
	SCMP_SYS(inotify_init1),
	SCMP_SYS(uname),
	/* requests; the table of mounts */
	SCMP_SYS(recvmsg),
	SCMP_SYS(lseek),
	/* waiting */
	SCMP_SYS(sched_yield),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
};

static const struct syscall_condition conditions[] = {
	{ SCMP_SYS(openat), 2, O_PATH, O_PATH },
	{ SCMP_SYS(open), 1, O_PATH, O_PATH },
	/* Which names come and go, but not who uses a file. */
	{ SCMP_SYS(inotify_add_watch), 2, ~(uint32_t)(IN_CREATE | IN_DELETE | IN_MOVE | IN_ONLYDIR),
		0 },
	{ SCMP_SYS(kill), 1, UINT64_MAX, SIGKILL },
	{ SCMP_SYS(prlimit64), 1, UINT64_MAX, RLIMIT_CPU },
};

int lookup_filter_install(struct err *e)
{
	/* What openat2 asks for lies in memory, which no filter reads; its caller takes openat. */
	static const struct syscall_filter filter = {
		.allowed = allowed,
		.allowed_count = sizeof(allowed) / sizeof(allowed[0]),
		.conditions = conditions,
		.condition_count = sizeof(conditions) / sizeof(conditions[0]),
		.missing = SCMP_SYS(openat2),
	};

	if (syscall_filter_install(&filter, e) != 0)
		return FAIL(e, e->code, "cannot restrict the look-ups' system calls");
	return 0;
}
