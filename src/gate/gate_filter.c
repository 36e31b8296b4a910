#include "gate_filter.h"

#include <seccomp.h>
#include <sys/socket.h>

#include "dsp/system/syscall_filter.h"

/* Its sockets, and the log. */
static const int allowed[] = {
	SCMP_SYS(accept4),
	SCMP_SYS(connect),
	SCMP_SYS(sendto),
	SCMP_SYS(recvfrom),
	SCMP_SYS(shutdown),
};

static const struct syscall_condition conditions[] = {
	{ SCMP_SYS(socket), 0, UINT64_MAX, AF_UNIX },
	{ SCMP_SYS(getsockopt), 2, UINT64_MAX, SO_PEERCRED },
	{ SCMP_SYS(getsockopt), 2, UINT64_MAX, SO_PEERGROUPS },
	{ SCMP_SYS(setsockopt), 2, UINT64_MAX, SO_SNDBUF },
};

int gate_filter_install(struct err *e)
{
	static const struct syscall_filter filter = {
		.allowed = allowed,
		.allowed_count = sizeof(allowed) / sizeof(allowed[0]),
		.conditions = conditions,
		.condition_count = sizeof(conditions) / sizeof(conditions[0]),
		.missing = -1,
	};

	return syscall_filter_install(&filter, e);
}
