/*
 * The mounts of this process's name space, from /proc/self/mountinfo (proc(5)). Reading it blocks
 * on no file system, so paths on a hung mount can be recognised by their text.
 */
#ifndef DSP_MOUNT_TABLE_H
#define DSP_MOUNT_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

enum { MOUNT_PLACE_ROOM = 16384 };

struct mount {
	uint64_t id;
	uint64_t parent;
	unsigned major;
	unsigned minor;
	struct span root;  /* the path in its file system that is mounted */
	struct span point; /* where it is mounted */
	bool process;      /* a procfs */
	bool local;        /* of a kind of file system that this kernel alone changes */
	bool marked;       /* by mount_table_mark */
	bool used;         /* its texts are part of a place that mount_table_place gave */
	unsigned proven;   /* for the caller: when its texts were last found to be right */
};

struct mount_table {
	struct mount *items;          /* by id */
	const struct mount **by_path; /* by point: what is below one comes right after it */
	size_t count;
	char *text;
};

/* A path inside a file system, wherever that is mounted. */
struct mount_place {
	unsigned major;
	unsigned minor;
	struct span path;
};

/*
 * Reads /proc/self/mountinfo, which is open at fd, from its beginning. -1: there is no /proc, and
 * the table is empty. -1 and errno: not read. The caller calls mount_table_free.
 */
MUST_USE int mount_table_read(int fd, struct mount_table *ret);

/*
 * Whether nothing was mounted, moved or unmounted since the last call with this descriptor, or
 * since it was opened (proc(5): poll reports it as POLLPRI). Call it before mount_table_read too: a
 * change while the table is read shows at the next call. A directory that is renamed above a mount
 * changes texts of the table, and is no event. Descriptors that share one open file share one
 * answer.
 */
bool mount_table_is_current(int fd);

/* The mount of an id; NULL: none. */
const struct mount *mount_table_find(const struct mount_table *m, uint64_t id);

void mount_table_free(struct mount_table *m);

/* The place of path, on a mount; ret->path points into room. at: NULL is fine, and false. */
bool mount_table_place(
	struct mount *at, struct span path, char room[MOUNT_PLACE_ROOM], struct mount_place *ret);

/* The mount of a file with these properties, whose real path is path; NULL: none. */
struct mount *mount_table_of(struct mount_table *m, const struct statx *st, struct span path);

bool mount_place_within(const struct mount_place *a, const struct mount_place *b);

/* Writes a place as a text, terminated: "8:1/dir"; empty where it does not fit. */
void mount_place_write(const struct mount_place *place, char *out, size_t cap);

/* Marks the mounts that contain the place. */
void mount_table_mark(struct mount_table *m, const struct mount_place *place);

/* Whether a marked mount is at or below path: a recursive bind mounts it too. */
bool mount_table_shows_marked(const struct mount_table *m, struct span path);

/* Whether something is mounted below path, or that is not known. */
bool mount_table_holds(const struct mount_table *m, struct span path);

/* Whether path, on a mount, is a process's directory in a procfs, or below one. at may be NULL. */
bool mount_is_process(const struct mount *at, struct span path);

/* The mount point at or above path, by its text; empty: the root, or none. */
struct span mount_table_point(const struct mount_table *m, struct span path);

#endif
