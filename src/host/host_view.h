/*
 * The host's files as the kernel has them at this moment: the mounts, the sockets of Docker and
 * containerd and what keeps dsp in force, found by what they are. Read once, asked many times.
 * Every function here may wait for a file system that hangs: never call one in the serving loop.
 */
#ifndef DSP_HOST_VIEW_H
#define DSP_HOST_VIEW_H

#include <stdbool.h>
#include <sys/types.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"
#include "dsp/core/facts/attributes.h"

struct host_view;

/*
 * socket_dir: the directory of dsp's socket. docker: the dockerd that asks, whose own listening
 * sockets count too; 0: not known. The caller frees it with host_free. NULL without memory.
 */
struct host_view *host_view_read(struct span socket_dir, pid_t docker)
	__attribute__((warn_unused_result));

void host_view_free(struct host_view *h);

/*
 * Looks at what the kernel finds at path (terminated, absolute). What is not there is resolved up
 * to its nearest visible parent, with the rest as text; it is not seen, as is what is found by a
 * link that means another thing to each process ("/proc/self/root").
 */
void host_view_inspect(struct host_view *h, const char *path, struct mount_info *ret);

/* The mount point that a clean path stands below, by its text; empty: the root, or not known. */
struct span host_view_mount_point(const struct host_view *h, struct span path);

#endif
