/*
 * Whether the texts of a mount are still so. The table of mounts says where a mount is and what of
 * its file system it shows, and poll(2) reports each mount and unmount; but a directory that is
 * renamed above either changes the texts alone, and that is no event. So whoever uses the texts of
 * a table that was read for an earlier request has the kernel walk them.
 */
#ifndef DSP_MOUNT_PROOF_H
#define DSP_MOUNT_PROOF_H

#include <stdbool.h>

#include "host_object.h"
#include "mount_table.h"
#include "witness.h"

/*
 * Whether m is where its text says: a walk to there ends on it, or on what is mounted over it. What
 * the walk met is added to w, if that is not NULL. o: to walk with.
 */
bool mount_proof_point(const struct mount_table *t, const struct mount *m, struct witnesses *w,
	struct host_object *o);

/*
 * The same, and that m shows what its text says: by the mount of the whole file system, where there
 * is one, the text leads to the object at which m is.
 */
bool mount_proof_texts(const struct mount_table *t, const struct mount *m, struct witnesses *w,
	struct host_object *o);

#endif
