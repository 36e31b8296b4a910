/*
 * The mounts of this process's name space, as /proc/self/mountinfo tells them. Reading it waits
 * for no file system, so what is on a mount that hangs can be told by text alone.
 */
#ifndef DSP_MOUNT_TABLE_H
#define DSP_MOUNT_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

enum { MOUNT_PLACE_ROOM = 16384 };

struct mount {
	uint64_t id;
	unsigned major;
	unsigned minor;
	struct span root;  /* of its file system: the path that is mounted */
	struct span point; /* where */
	bool process;      /* it is a procfs */
	bool marked;       /* mount_table_mark */
};

struct mount_table {
	struct mount *items;
	size_t count;
	char *text;
};

/* Where something stands in a file system, whatever is mounted where. */
struct mount_place {
	unsigned major;
	unsigned minor;
	struct span path;
};

/* -1 without memory. Without /proc there are no mounts. The caller calls mount_table_free. */
MUST_USE int mount_table_read(struct mount_table *ret);

void mount_table_free(struct mount_table *m);

/* The place of path, which is fd's real path or is below it; it is written to room. */
bool mount_table_place(const struct mount_table *m, int fd, struct span path,
	char room[MOUNT_PLACE_ROOM], struct mount_place *ret);

bool mount_place_within(const struct mount_place *a, const struct mount_place *b);

/* Marks the mounts that have the place in them. */
void mount_table_mark(struct mount_table *m, const struct mount_place *place);

/* Whether a marked mount is at or below path: a recursive bind takes it along. */
bool mount_table_shows_marked(const struct mount_table *m, struct span path);

/* Whether fd is a process's directory in a procfs, or below one; path is its real path. */
bool mount_table_is_process(const struct mount_table *m, int fd, struct span path);

/* The mount point that path is at or below, by its text; empty: the root, or none. */
struct span mount_table_point(const struct mount_table *m, struct span path);

#endif
