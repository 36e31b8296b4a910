/*
 * The kernel's tables that only an open file can read: the mounts, and the sockets on which dockerd
 * listens. A process that may search every directory but read no file gets them from another
 * (daemon/lookup_process.h).
 */
#ifndef DSP_HOST_TABLES_H
#define DSP_HOST_TABLES_H

#include <stdbool.h>
#include <sys/types.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

enum { TABLES_SOCKETS_MOST = 320, SOCKETS_MS = 1000 };

struct host_tables {
	int mounts;          /* /proc/self/mountinfo, to be read once; -1: there is no /proc */
	int known;           /* enum listening: how well the sockets are known */
	struct span sockets; /* their paths, each terminated; owned, mem_free */
};

/*
 * docker: the dockerd that asks; 0: unknown, then no socket is. The caller calls host_tables_free
 * in any case. -1 and errno: a system call failed, or no memory.
 */
MUST_USE int host_tables_read(pid_t docker, struct host_tables *ret);

/* Opens ret->mounts alone. -1 and errno, as above. */
MUST_USE int host_tables_open_mounts(struct host_tables *ret);

/*
 * As host_tables_read, without the mounts, and the sockets may have been read for an earlier call.
 * dockerd opens the sockets of its API when it starts, before it can ask anything: what proves them
 * is that the same process still runs (pidfd_open(2)). Other processes may listen later, dockerd on
 * its sockets of a swarm too; so the sockets are read again when they are older than SOCKETS_MS,
 * and than it takes to keep this below 2 % of a processor. From any thread.
 */
MUST_USE int host_tables_recall(pid_t docker, struct host_tables *ret);

/*
 * The same without reading: false where host_tables_recall would read. It never blocks. The caller
 * calls host_tables_free in any case.
 */
bool host_tables_remembered(pid_t docker, struct host_tables *ret);

void host_tables_free(struct host_tables *t);

#endif
