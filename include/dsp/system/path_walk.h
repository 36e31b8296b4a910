/*
 * Resolves a path component by component, as the kernel does (path_resolution(7)), so that a caller
 * sees every directory and every symbolic link on the way. It opens with O_PATH alone: no device,
 * pipe or socket notices.
 */
#ifndef DSP_PATH_WALK_H
#define DSP_PATH_WALK_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

enum { PATH_WALK_ROOM = 8192 };

/* What a check is shown: "/", then each link before it is followed, and each component. */
struct path_component {
	int fd; /* O_PATH, the walk's */
	const struct stat *st;
	bool last; /* nothing but slashes comes after it */
};

struct path_walk {
	/* The caller's, before path_walk: 0 lets the walk go on; NULL: no check. */
	int (*check)(void *ctx, const struct path_component *c);
	void *ctx;
	bool through_magic; /* go through links of /proc/PID, as the kernel alone can */

	/* The result. */
	int fd;                  /* O_PATH: what was reached; -1: not even "/" */
	int parent;              /* O_PATH: where name was found; -1: fd is "/" */
	char name[NAME_MAX + 1]; /* the last component, without links */
	struct span rest;        /* what was not reached, into path or room; empty: fd is all */
	bool magic;              /* it went through a process's own link */

	unsigned links;
	unsigned spare; /* the room in which rest does not stand */
	char room[2][PATH_WALK_ROOM];
};

/*
 * Walks to path, which is absolute and must outlive w. The caller calls path_walk_close in any
 * case. -1 and errno: the rest could not be reached; also when a check stopped the walk.
 */
MUST_USE int path_walk(struct path_walk *w, const char *path);

void path_walk_close(struct path_walk *w);

/* open(2), again when a signal interrupts it; -1 and errno. */
MUST_USE int path_open_at(int dir, const char *path, int flags);

/*
 * Whether the error of a look-up is an answer about the path: that it does not exist, or that this
 * process may not see it. Any other error (EMFILE, EIO, ESTALE, ...) means that the look-up
 * failed.
 */
bool path_error_is_answer(int code);

/* The real path of fd, written to room; empty and errno: it is not known. */
struct span path_walk_real(int fd, char *room, size_t cap);

#endif
