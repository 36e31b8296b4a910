/*
 * The host's files as the kernel has them now: the mounts, the sockets of Docker and containerd,
 * and the files that keep dsp in force, by device and inode. Every function may block on a hung
 * file system: never call one from the event loop.
 *
 * A view may be kept for the next request, as long as the kernel says for that request that each of
 * its facts is still so (host_view_renew). What proves each:
 *
 *   table of mounts        poll(2) on /proc/self/mountinfo: no mount, move or unmount since
 *   its texts              the kernel walks those that an answer depends on (mount_proof.h)
 *   own files, sockets,    each directory, link and file on their ways is asked for again, and what
 *   directories above,     was not there too; or the kernel reports no event of the directory in
 *   their places           which it is, or would be (witness.h)
 *   dockerd, its sockets   they are compared with what the caller found out for this request
 *
 * Where one of them cannot be proved, all is read again, as without a view. A source itself is
 * looked up at each request.
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
 * own_paths: dsp's own, each clean and terminated. docker: the dockerd that asks; 0: unknown.
 * tables: the mounts and its listening sockets. The caller frees it with host_view_free. NULL and
 * errno: no memory, or a system call failed.
 */
struct host_view *host_view_read(struct span own_paths, pid_t docker,
	const struct host_tables *tables) __attribute__((warn_unused_result));

/*
 * Makes *h, which is NULL at first, a view for the same arguments: it stays as it is where all of
 * it is proved to be so, and is read again else. tables->mounts must be the same open file each
 * time, and tables->sockets may go after the call. all_mounts: read it again in any case, since
 * what is mounted below a source matters: no call can prove that a mount is not there. -1 and
 * errno: not read, and *h is NULL.
 */
MUST_USE int host_view_renew(struct host_view **h, struct span own_paths, pid_t docker,
	const struct host_tables *tables, bool all_mounts);

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
