#include "host_object.h"

#include <errno.h>
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

void host_object_find(struct host_object *o, const char *path)
{
	struct path_walk *w = &o->walk;

	host_object_close(o);
	o->base = (struct span){ NULL, 0 };
	w->through_magic = true;
	o->there = path_walk(w, path) == 0;
	o->error = o->there ? 0 : errno;
	o->fd = w->fd;
	w->fd = -1;
	path_walk_close(w);
	o->magic = w->magic;
	if (o->fd >= 0) {
		o->base = path_walk_real(o->fd, o->real, sizeof(o->real));
		if (o->base.n == 0 && (o->error == 0 || !path_error_is_answer(errno)))
			o->error = errno;
	}
	o->plain = o->there && o->base.n > 0 && !o->magic;
	o->path = join(o, o->base, o->base.n > 0 ? w->rest : span_of(path));
}
