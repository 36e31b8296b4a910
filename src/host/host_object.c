#include "host_object.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dsp/core/facts/paths.h"

enum { INSPECT = O_PATH | O_CLOEXEC };

void host_object_close(struct host_object *o)
{
	if (o->fd >= 0)
		(void)close(o->fd);
	o->fd = -1;
}

static int open_without_magic(const char *path)
{
	const struct open_how how = { .flags = INSPECT, .resolve = RESOLVE_NO_MAGICLINKS };
	int fd;

	do
		fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	while (fd < 0 && errno == EINTR);
	return fd;
}

/* base and rest, cleaned, cut where they do not fit. rest may stand in the walk's room. */
static struct span join(struct host_object *o, struct span base, struct span rest)
{
	char *text = o->walk.room[o->walk.spare];
	size_t n = base.n < PATH_WALK_ROOM - 2 ? base.n : PATH_WALK_ROOM - 2;

	/* Of two callers one has an empty base. */
	/* cppcheck-suppress knownConditionTrueFalse */
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

static void find_real_path(struct host_object *o)
{
	o->base = path_walk_real(o->fd, o->real, sizeof(o->real));
	if (o->base.n == 0 && (o->error == 0 || !path_error_is_answer(errno)))
		o->error = errno;
}

/* Component by component, as far as files exist. */
static void walk_partly(struct host_object *o, const char *path)
{
	struct path_walk *w = &o->walk;

	w->through_magic = true;
	o->there = path_walk(w, path) == 0;
	o->error = o->there ? 0 : errno;
	o->fd = w->fd;
	w->fd = -1;
	path_walk_close(w);
	o->magic = w->magic;
	if (o->fd >= 0)
		find_real_path(o);
	o->plain = o->there && o->base.n > 0 && !o->magic;
	o->path = join(o, o->base, o->base.n > 0 ? w->rest : span_of(path));
}

void host_object_find(struct host_object *o, const char *path)
{
	host_object_close(o);
	o->base = o->path = (struct span){ NULL, 0 };
	o->there = o->plain = o->magic = false;
	o->error = 0;
	o->fd = open_without_magic(path);
	if (o->fd < 0 && errno == ELOOP) {
		/* The path goes through such a link. */
		o->magic = true;
		o->fd = path_open_at(AT_FDCWD, path, INSPECT);
	}
	/*
	 * openat2 also fails before Linux 5.6, and with RestrictSUIDSGID= of systemd. Whatever the
	 * reason, the walk finds it again, or says how far the path leads.
	 */
	if (o->fd < 0) {
		walk_partly(o, path);
		return;
	}
	find_real_path(o);
	o->plain = o->base.n > 0 && !o->magic;
	o->there = true;
	o->path = o->base.n > 0 ? o->base : join(o, o->base, span_of(path));
}
