/*
 * The host's files as the kernel has them now: the mounts, the sockets of Docker and containerd,
 * and the files that keep dsp in force, by device and inode. Read once, used many times. Every
 * function may block on a hung file system: never call one from the event loop.
 */
#ifndef DSP_HOST_VIEW_H
#define DSP_HOST_VIEW_H

#include <stdbool.h>
#include <sys/types.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"
#include "dsp/core/facts/attributes.h"
#include "dsp/host/host_tables.h"

struct host_view;

/*
 * socket_dir: the directory of dsp's socket. docker: the dockerd that asks; 0: unknown. tables: the
 * mounts and its listening sockets. The caller frees it with host_view_free. NULL and errno: no
 * memory, or a system call failed.
 */
struct host_view *host_view_read(struct span socket_dir, pid_t docker,
	const struct host_tables *tables) __attribute__((warn_unused_result));

void host_view_free(struct host_view *h);

/*
 * Inspects what the kernel finds at path (terminated, absolute). A missing file is resolved up to
 * its nearest visible parent, with the rest as text. ret->seen is false for it, and for what is
 * found through a link that differs for each process ("/proc/self/root").
 * -1 and errno: a system call failed, and ret says nothing.
 */
MUST_USE int host_view_inspect(struct host_view *h, const char *path, struct mount_info *ret);

/* The mount point above a clean path, by its text; empty: the root, or unknown. */
struct span host_view_mount_point(const struct host_view *h, struct span path);

#endif
