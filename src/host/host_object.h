/* What the kernel finds at a path of the host; where nothing is, its nearest visible parent. */
#ifndef DSP_HOST_OBJECT_H
#define DSP_HOST_OBJECT_H

#include <stdbool.h>
#include <sys/stat.h>

#include "dsp/core/base/span.h"
#include "dsp/system/path_walk.h"

struct host_object {
	int fd; /* O_PATH, owned: the object, or its nearest visible parent; -1: closed, or none */
	bool there;       /* fd is the object itself */
	bool plain;       /* and by links that mean the same to every process */
	bool magic;       /* the way leads through a process's cwd, root, fd or the like */
	int error;        /* why it was not reached, or its real path is not known; 0: neither */
	struct span base; /* the real path of fd; empty: not known */
	struct span path; /* base and the rest that is not there; clean; cut to PATH_WALK_ROOM */
	struct statx st;  /* of fd, where it is open: type, inode, device and mount */

	char real[PATH_WALK_ROOM];  /* base stands here */
	char clean[PATH_WALK_ROOM]; /* and path, where it is not base */
	struct path_walk walk;
};

/* path: terminated, absolute. Closes what was found before; fd is -1 before the first call. */
void host_object_find(struct host_object *o, const char *path);

/* Closes fd. An open descriptor keeps its file system busy: do not keep one for long. */
void host_object_close(struct host_object *o);

#endif
