#include "host_object.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "dsp/core/facts/paths.h"

void host_object_close(struct host_object *o)
{
	if (o->fd >= 0)
		(void)close(o->fd);
	o->fd = -1;
}

/* base and rest, cleaned, cut where they do not fit. rest may stand in the walk's room. */
static struct span join(struct host_object *o, struct span base, struct span rest)
{
	char *text = o->walk.room[o->walk.spare];
	size_t n = base.n < PATH_WALK_ROOM - 2 ? base.n : PATH_WALK_ROOM - 2;

	if (n > 0)
		memcpy(text, base.s, n);
	text[n++] = '/';
	if (rest.n > PATH_WALK_ROOM - 1 - n)
		rest.n = PATH_WALK_ROOM - 1 - n;
	if (rest.n > 0)
		memcpy(text + n, rest.s, rest.n);
	n = path_clean((struct span){ text, n + rest.n }, o->clean);
	return (struct span){ o->clean, n };
}

/* Asks what fd is. -1: that failed; o->error says why, and it is an answer about no path. */
static int inspect_fd(struct host_object *o)
{
	if (statx(o->fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_MODE | STATX_INO | STATX_MNT_ID,
		    &o->st) == 0)
		return 0;
	o->error = path_error_is_answer(errno) ? EIO : errno;
	host_object_close(o);
	o->there = false;
	return -1;
}

/*
 * Has the kernel go the whole way. Where the real path is the same text, no link was on it, and a
 * walk leads there too. False: only a walk can say more. In /proc a link may lead to itself.
 */
static bool find_at_once(struct host_object *o, const char *path)
{
	bool entered;

	if (o->walk.check || path_within(span_of(path), SPAN("/proc")))
		return false;
	/* What is mounted when it is entered, is (path_walk.c). */
	o->fd = path_open_at(AT_FDCWD, path, O_PATH | O_CLOEXEC | O_DIRECTORY);
	entered = o->fd >= 0;
	if (!entered && errno == ENOTDIR)
		o->fd = path_open_at(AT_FDCWD, path, O_PATH | O_CLOEXEC);
	if (o->fd < 0)
		return false;
	o->base = path_walk_real(o->fd, o->real, sizeof(o->real));
	if (!span_equal(o->base, span_of(path)) || inspect_fd(o) != 0 || S_ISLNK(o->st.stx_mode) ||
		S_ISDIR(o->st.stx_mode) != entered)
		return false;
	o->there = o->plain = true;
	o->magic = false;
	o->error = 0;
	o->path = o->base;
	return true;
}

void host_object_find(struct host_object *o, const char *path)
{
	struct path_walk *w = &o->walk;

	host_object_close(o);
	if (find_at_once(o, path))
		return;
	host_object_close(o);
	o->base = (struct span){ NULL, 0 };
	w->through_magic = true;
	o->there = path_walk(w, path) == 0;
	o->error = o->there ? 0 : errno;
	o->fd = w->fd;
	w->fd = -1;
	path_walk_close(w);
	o->magic = w->magic;
	if (o->fd >= 0 && inspect_fd(o) == 0) {
		o->base = path_walk_real(o->fd, o->real, sizeof(o->real));
		if (o->base.n == 0 && (o->error == 0 || !path_error_is_answer(errno)))
			o->error = errno;
	}
	o->plain = o->there && o->base.n > 0 && !o->magic;
	o->path = join(o, o->base, o->base.n > 0 ? w->rest : span_of(path));
}
