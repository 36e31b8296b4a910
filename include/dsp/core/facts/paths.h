/*
 * Paths of the host as text: which of them keep dsp in force, where Docker's and containerd's
 * sockets usually are. What stands behind a path is resolve.h's matter.
 */
#ifndef DSP_PATHS_H
#define DSP_PATHS_H

#include <stdbool.h>

#include "dsp/core/base/span.h"

/*
 * Cleans a path lexically (Go's path.Clean): no "//", "/./", "/../", no slash at the end. A
 * relative one is taken from "/". out has room for in.n + 1 bytes, is not terminated; the length.
 */
size_t path_clean(struct span in, char *out);

/* Whether path is absolute, and as path_clean leaves it. */
bool path_is_clean(struct span path);

/* Whether path is dir, or below it; both clean and absolute. */
bool path_within(struct span path, struct span dir);

/*
 * Whether a clean path is at or below what keeps dsp in force: socket_dir (the directory of dsp's
 * socket), the plugins' and Docker's configuration, containerd's directories, units of dsp and
 * docker with their drop-ins, the programs dsp, dockerd, containerd and runc.
 */
bool path_is_dsp_file(struct span path, struct span socket_dir);

/* Whether a clean path is, or holds, a usual place of Docker's or containerd's socket. */
bool path_holds_socket(struct span path);

/*
 * The directories of path_is_dsp_file, without units and programs, and the sockets of
 * path_holds_socket: the host's files may lead to them under other paths.
 */
const struct span *path_dsp_directories(size_t *count);
const struct span *path_sockets(size_t *count);

#endif
