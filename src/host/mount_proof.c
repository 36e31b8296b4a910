#include "mount_proof.h"

#include <string.h>
#include <sys/stat.h>

enum { ROOM = 2048 }; /* of a path: a longer one is not proven */

/* Walks to a, followed by b, which are clean. *ret: its end. False: that text is not its path. */
static bool walk(
	struct witnesses *w, struct host_object *o, struct span a, struct span b, struct statx *ret)
{
	char path[ROOM];
	size_t n = a.n > 1 ? a.n : 0;

	b.n = b.n > 1 ? b.n : 0;
	if (n + b.n == 0 || n + b.n >= sizeof(path))
		return false;
	if (n > 0)
		memcpy(path, a.s, n);
	if (b.n > 0)
		memcpy(path + n, b.s, b.n);
	path[n + b.n] = '\0';
	if (w)
		witness_find(w, o, path);
	else
		host_object_find(o, path);
	if (!o->plain || !span_equal(o->base, span_of(path)))
		return false;
	*ret = o->st;
	return (ret->stx_mask & STATX_MNT_ID) != 0;
}

/* Whether m is the mount of this id, or lies under it at the same point. */
static bool is_under(const struct mount_table *t, const struct mount *m, uint64_t id)
{
	const struct mount *top = mount_table_find(t, id);

	while (top && top != m && span_equal(top->point, m->point) && top->parent != top->id)
		top = mount_table_find(t, top->parent);
	return top == m;
}

bool mount_proof_point(const struct mount_table *t, const struct mount *m, struct witnesses *w,
	struct host_object *o)
{
	struct statx st;

	/* The root of a name space is not moved without an event. */
	if (m->point.n == 1)
		return true;
	return walk(w, o, m->point, SPAN(""), &st) && is_under(t, m, st.stx_mnt_id);
}

/* Whether m is mounted, perhaps more than once, on that very directory of `all` that it shows. */
static bool is_on_itself(
	const struct mount_table *t, const struct mount *all, const struct mount *m)
{
	const struct mount *below = mount_table_find(t, m->parent);

	while (below && below != all && below->parent != below->id &&
		span_equal(below->point, m->point) && span_equal(below->root, m->root))
		below = mount_table_find(t, below->parent);
	return below == all;
}

/*
 * Whether found, at the text of m's root through `all`, the mount of the whole file system, is
 * root, the root of m. A directory that is mounted on itself is found on m: when the table was
 * read, its mount point and its root had one path in one file system, so they are one object and
 * are renamed together.
 */
static bool shows(const struct mount_table *t, const struct mount *all, const struct mount *m,
	const struct statx *root, const struct statx *found)
{
	return found->stx_ino == root->stx_ino && found->stx_dev_major == root->stx_dev_major &&
		found->stx_dev_minor == root->stx_dev_minor &&
		(found->stx_mnt_id == all->id ||
			(found->stx_mnt_id == m->id && is_on_itself(t, all, m)));
}

bool mount_proof_texts(const struct mount_table *t, const struct mount *m, struct witnesses *w,
	struct host_object *o)
{
	struct statx root;
	struct statx found;

	if (m->root.n == 1)
		return mount_proof_point(t, m, w, o);
	if (!walk(w, o, m->point, SPAN(""), &root) || root.stx_mnt_id != m->id)
		return false;
	for (size_t i = 0; i < t->count; i++) {
		const struct mount *all = t->by_path[i];

		/* The first one, by path: the others are as good. */
		if (all->major == m->major && all->minor == m->minor && all->root.n == 1)
			return mount_proof_point(t, all, w, o) &&
				walk(w, o, all->point, m->root, &found) &&
				shows(t, all, m, &root, &found);
	}
	return false;
}
