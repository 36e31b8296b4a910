/*
 * Paths of the host as text: which of them dsp needs to stay in force, and where Docker's and
 * containerd's sockets usually are. What a path leads to on the host is looked up in the room host.
 */
#ifndef DSP_PATHS_H
#define DSP_PATHS_H

#include <stdbool.h>

#include "dsp/core/base/span.h"

/*
 * Cleans a path lexically (Go's path.Clean): no "//", "/./", "/../", no slash at the end. A
 * relative path is taken from "/". out has room for in.n + 1 bytes and is not terminated. Returns
 * the length.
 */
size_t path_clean(struct span in, char *out);

/* Whether path is absolute, and as path_clean leaves it. */
bool path_is_clean(struct span path);

/* Whether a component of a path is "..". */
bool path_goes_up(struct span path);

/* Whether path is dir, or below it; both clean and absolute. */
bool path_within(struct span path, struct span dir);

/*
 * Whether a clean path is, or is below, what dsp needs to stay in force: own_paths (of this
 * dsp: its socket's directory, its policy file and env file; each is terminated), the configuration
 * of plugins (NRI's too), dsp and Docker, the units of dsp and docker with their drop-ins, and the
 * programs dsp, dspd, dsp-resolve, dockerd, containerd and runc.
 */
bool path_is_dsp_file(struct span path, struct span own_paths);

/*
 * Whether who can write at a clean path, and below it, changes what the host's root runs or whom
 * the host takes for root: "/", "/etc", "/usr/bin", "/root", ...
 */
bool path_rules_host(struct span path);

/*
 * Whether a clean path is, or is above, a usual place of Docker's or containerd's socket, or is one
 * of containerd's directories, or below it.
 */
bool path_holds_socket(struct span path);

/*
 * The directories of path_is_dsp_file, without units and programs, and the sockets and containerd's
 * directories of path_holds_socket: the host's files may lead to them under other paths.
 */
const struct span *path_dsp_directories(size_t *count);
const struct span *path_sockets(size_t *count);
const struct span *path_socket_directories(size_t *count);

#endif
