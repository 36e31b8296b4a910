/*
 * What look-ups met on their way: each directory, link and file by its real path, and where a way
 * ended. Where all of it is still so, the same look-ups lead to the same objects: a look-up depends
 * on nothing else. Each is asked of the kernel again, or the kernel would have reported a change.
 *
 * A directory, a file: the same device, inode and type of file on the same mount. A link: the same
 * text. What was not there or not visible: the same error. A link of /proc/PID: the same text and
 * the same object.
 *
 * inotify(7) stands for the answer where a name is in a watched directory of a local file system,
 * and what it names, if anything, is on such a file system too. There the kernel queues an event
 * for each entry that is made, removed or renamed before the system call returns that does it, by
 * whichever mount that comes. A watch is put on the very directory that was met, before all is
 * asked again; what is mounted is no event of a directory (mount_table_is_current). After an event
 * of a name that was met all is asked again, and without inotify each time.
 */
#ifndef DSP_WITNESS_H
#define DSP_WITNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"
#include "host_object.h"
#include "mount_table.h"

struct witness {
	char *path;    /* owned, as text is */
	char *text;    /* of a link; NULL: no link */
	int error;     /* of what is not there; 0: it is */
	bool magic;    /* a link of /proc/PID, which is followed */
	uint32_t type; /* of the file: a link can get the inode of what it replaces */
	uint64_t mount;
	uint64_t inode;
	uint32_t major;
	uint32_t minor;
	bool watched; /* a directory: each change of its entries is an event */
	bool quiet;   /* without an event nothing has happened to it */
};

struct witnesses {
	struct witness *items;
	size_t count;
	size_t room;
	bool partial; /* something cannot be asked again: these prove nothing */
	bool watching;
	int events; /* of inotify; while watching */
};

/* As host_object_find, and adds what it met to w. */
void witness_find(struct witnesses *w, struct host_object *o, const char *path);

/* Leaves each one once. Call it when all are added. */
void witness_sort(struct witnesses *w);

/*
 * Whether all is still as it was. From the first call on that says so, what can be watched is. t:
 * the mounts, as they are now. May block on a hung file system.
 */
bool witness_holds(struct witnesses *w, const struct mount_table *t);

void witness_free(struct witnesses *w);

#endif
