/* From a path to the object behind it, as the kernel goes, and as far as there is something. */
#ifndef DSP_PATH_WALK_H
#define DSP_PATH_WALK_H

#include <stdbool.h>

#include "dsp/core/base/span.h"

enum { WALK_ROOM = 8192 };

struct walk {
	int fd;     /* O_PATH, the caller's: the object, or its nearest visible parent; or -1 */
	bool there; /* fd is the object itself */
	bool plain; /* and by links that mean the same to every process */
	bool magic; /* the way leads through a process's cwd, root, fd or the like */
	struct span base; /* the real path of fd; empty: not known */
	struct span path; /* that and, of what is not there, the rest; cut to WALK_ROOM; clean */

	char room[4][WALK_ROOM]; /* what the spans point into */
};

/* path: terminated, absolute. */
void walk_to(struct walk *w, const char *path);

#endif
