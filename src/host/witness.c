#include "witness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/system/file.h"
#include "dsp/system/kernel.h"
#include "dsp/system/path_walk.h"

enum {
	MOST = 8192,
	ROOM = 1024, /* of a path or a link: longer ones are not kept */
	EVENTS = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR,
};

static void add(struct witnesses *w, struct span path, struct witness one)
{
	if (w->count == w->room && !w->partial) {
		size_t room = w->room > 0 ? w->room * 2 : 64;
		struct witness *items = mem_resize(w->items, room * sizeof(*items));

		w->partial = !items || room > MOST;
		w->items = items ? items : w->items;
		w->room = items ? room : w->room;
	}
	one.path = w->partial ? NULL : mem_alloc(path.n + 1);
	if (!one.path) {
		w->partial = true;
		mem_free(one.text);
		return;
	}
	memcpy(one.path, path.s, path.n);
	one.path[path.n] = '\0';
	w->items[w->count++] = one;
}

/* Asks the kernel what is at path, of dir; flags: of statx(2). */
static struct witness ask(int dir, const char *path, int flags)
{
	struct witness ret = { .error = 0 };
	struct statx st;

	if (statx(dir, path, flags | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO | STATX_MNT_ID,
		    &st) != 0) {
		ret.error = errno;
		return ret;
	}
	/* Before Linux 5.8 a mount has no id here. */
	if (!(st.stx_mask & STATX_MNT_ID))
		ret.error = ENOSYS;
	ret.type = st.stx_mode & S_IFMT;
	ret.mount = st.stx_mnt_id;
	ret.inode = st.stx_ino;
	ret.major = st.stx_dev_major;
	ret.minor = st.stx_dev_minor;
	return ret;
}

static bool same(const struct witness *a, const struct witness *b)
{
	return a->error == b->error && a->type == b->type && a->mount == b->mount &&
		a->inode == b->inode && a->major == b->major && a->minor == b->minor;
}

/* The text of the link at path, of dir; owned; NULL: it has none. */
static char *link_text(int dir, const char *path)
{
	char room[ROOM];
	ssize_t n = readlinkat(dir, path, room, sizeof(room));

	if (n <= 0 || (size_t)n >= sizeof(room))
		return NULL;
	room[n] = '\0';
	return mem_copy(room, (size_t)n + 1);
}

/* Of a walk: adds a component. */
static int add_component(void *ctx, const struct path_component *c)
{
	struct witnesses *w = ctx;
	struct witness one = { .error = 0 };
	char room[ROOM];
	struct span path = path_walk_real(c->fd, room, sizeof(room));

	if (S_ISLNK(c->st->st_mode)) {
		one.text = link_text(c->fd, "");
		w->partial = w->partial || !one.text;
	} else {
		one = ask(c->fd, "", AT_EMPTY_PATH);
	}
	if (path.n == 0 || one.error != 0) {
		w->partial = true;
		mem_free(one.text);
	} else {
		add(w, path, one);
	}
	return 0;
}

/* Adds where the way ended: what the last directory does not have, or does not show. */
static void add_end(struct witnesses *w, const struct host_object *o)
{
	struct span rest = o->walk.rest;
	struct span name;
	char room[ROOM];
	size_t n = o->base.n;

	while (rest.n > 0 && rest.s[0] == '/')
		rest = span_after(rest, 1);
	name = (struct span){ rest.s, span_find(rest, '/') };
	if (o->base.n == 0 || name.n == 0 || o->base.n + 1 + name.n > sizeof(room) ||
		!path_error_is_answer(o->error)) {
		w->partial = true;
		return;
	}
	memcpy(room, o->base.s, o->base.n);
	if (o->base.n > 1)
		room[n++] = '/';
	memcpy(room + n, name.s, name.n);
	add(w, (struct span){ room, n + name.n }, (struct witness){ .error = o->error });
}

/* Adds a path through a link of /proc/PID, of which the kernel alone knows where it leads. */
static void add_magic(struct witnesses *w, const struct host_object *o, const char *path)
{
	struct witness one = { .error = o->error };

	if (o->there) {
		one = ask(o->fd, "", AT_EMPTY_PATH);
		one.text = link_text(AT_FDCWD, path);
		w->partial = w->partial || one.error != 0 || !one.text;
	}
	w->partial = w->partial || (!o->there && !path_error_is_answer(o->error));
	one.magic = true;
	add(w, span_of(path), one);
}

static void witness_clear(struct witness *one)
{
	mem_free(one->path);
	mem_free(one->text);
}

void witness_find(struct witnesses *w, struct host_object *o, const char *path)
{
	size_t before = w->count;

	o->walk.check = add_component;
	o->walk.ctx = w;
	host_object_find(o, path);
	o->walk.check = NULL;
	if (o->magic) {
		while (w->count > before)
			witness_clear(&w->items[--w->count]);
		add_magic(w, o, path);
	} else if (!o->there) {
		add_end(w, o);
	}
}

static int compare(const void *left, const void *right)
{
	const struct witness *a = left;
	const struct witness *b = right;
	int order = strcmp(a->path, b->path);

	return order != 0 ? order : a->magic - b->magic;
}

void witness_sort(struct witnesses *w)
{
	size_t kept = 0;

	if (w->count > 0)
		qsort(w->items, w->count, sizeof(*w->items), compare);
	for (size_t i = 0; i < w->count; i++) {
		struct witness *last = kept > 0 ? &w->items[kept - 1] : NULL;
		struct witness *one = &w->items[i];

		if (!last || compare(last, one) != 0) {
			w->items[kept++] = *one;
			continue;
		}
		/* It changed while the look-ups ran. */
		if (!same(last, one) || (last->text == NULL) != (one->text == NULL) ||
			(one->text && strcmp(last->text, one->text) != 0))
			w->partial = true;
		witness_clear(one);
	}
	w->count = kept;
}

static bool has_text(const struct witness *one)
{
	char room[ROOM];
	size_t n = strlen(one->text);

	return readlink(one->path, room, sizeof(room)) == (ssize_t)n &&
		memcmp(room, one->text, n) == 0;
}

/* Whether it is as it was. */
static bool is_same(const struct witness *one)
{
	struct witness now;

	if (one->text && !has_text(one))
		return false;
	/* A link is its text. */
	if (one->text && !one->magic)
		return true;
	now = ask(AT_FDCWD, one->path, one->magic ? 0 : AT_SYMLINK_NOFOLLOW);
	return same(one, &now);
}

/* --- events ------------------------------------------------------------------------------------*/

static void stop_watching(struct witnesses *w)
{
	if (w->watching)
		(void)close(w->events);
	w->watching = false;
	for (size_t i = 0; i < w->count; i++)
		w->items[i].watched = w->items[i].quiet = false;
}

static bool is_local(const struct mount_table *t, const struct witness *one)
{
	const struct mount *m = mount_table_find(t, one->mount);

	return m && m->local;
}

/* Watches the directory one, if that is what its path leads to. */
static bool watch_directory(const struct witnesses *w, const struct witness *one)
{
	char link[32];
	struct witness now;
	AUTO_FD int fd = path_open_at(
		AT_FDCWD, one->path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return false;
	now = ask(fd, "", AT_EMPTY_PATH);
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return same(one, &now) && inotify_add_watch(w->events, link, EVENTS) >= 0;
}

static const struct witness *directory_of(const struct witnesses *w, const struct witness *one)
{
	const char *slash = strrchr(one->path, '/');
	char path[ROOM];
	const struct witness key = { .path = path };

	if (slash[1] == '\0' || (size_t)(slash - one->path) >= sizeof(path))
		return NULL;
	text_copy((struct span){ one->path, slash > one->path ? (size_t)(slash - one->path) : 1 },
		path, sizeof(path));
	return bsearch(&key, w->items, w->count, sizeof(key), compare);
}

/*
 * Watches what can be watched; without that all is asked for each time. Before Linux 5.17 a name
 * may be found for a moment after the event of its removal.
 */
static void start_watching(struct witnesses *w, const struct mount_table *t)
{
	w->events = kernel_is_at_least(5, 17) ? inotify_init1(IN_NONBLOCK | IN_CLOEXEC) : -1;
	w->watching = w->events >= 0;
	for (size_t i = 0; i < w->count && w->watching; i++) {
		struct witness *one = &w->items[i];

		one->watched = S_ISDIR(one->type) && !one->magic && is_local(t, one) &&
			watch_directory(w, one);
	}
	for (size_t i = 0; i < w->count && w->watching; i++) {
		struct witness *one = &w->items[i];
		const struct witness *in = one->magic ? NULL : directory_of(w, one);

		one->quiet = in && in->watched &&
			(one->error == ENOENT || one->text ||
				(one->error == 0 && is_local(t, one)));
	}
}

/*
 * Whether an event of such a name may be one of what was met: a directory may ignore the case, and
 * other characters than ASCII have more than one case.
 */
static bool is_met(const struct witnesses *w, const char *name)
{
	for (size_t i = 0; name[i] != '\0'; i++) {
		if ((unsigned char)name[i] >= 0x80)
			return true;
	}
	for (size_t i = 0; i < w->count; i++) {
		if (strcasecmp(strrchr(w->items[i].path, '/') + 1, name) == 0)
			return true;
	}
	return name[0] == '\0';
}

/*
 * Whether nothing that was met had an event since the last call. Where a watch has ended, or others
 * make events faster than they are read, all watches end.
 */
static bool read_events(struct witnesses *w)
{
	enum { READS_MOST = 16 };
	char room[2048];
	bool quiet = true;
	ssize_t n = 1;

	for (int times = 0; n > 0 && times < READS_MOST; times++) {
		struct inotify_event event;

		n = read(w->events, room, sizeof(room));
		for (ssize_t at = 0; at < n; at += (ssize_t)(sizeof(event) + event.len)) {
			memcpy(&event, room + at, sizeof(event));
			if (event.mask & (IN_IGNORED | IN_UNMOUNT | IN_Q_OVERFLOW)) {
				stop_watching(w);
				return false;
			}
			quiet = quiet && event.len > 0 && !is_met(w, room + at + sizeof(event));
		}
	}
	if (n >= 0 || errno != EAGAIN)
		stop_watching(w);
	return w->watching && quiet;
}

bool witness_holds(struct witnesses *w, const struct mount_table *t)
{
	bool quiet = w->watching && read_events(w);

	if (!w->watching && !w->partial)
		start_watching(w, t);
	for (size_t i = 0; i < w->count && !w->partial; i++) {
		if (!(quiet && w->items[i].quiet) && !is_same(&w->items[i]))
			return false;
	}
	return !w->partial;
}

void witness_free(struct witnesses *w)
{
	stop_watching(w);
	for (size_t i = 0; i < w->count; i++)
		witness_clear(&w->items[i]);
	mem_free(w->items);
	*w = (struct witnesses){ .items = NULL };
}
