#include "dsp/system/path_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "dsp/core/base/text.h"
#include "dsp/system/file.h"

enum {
	LINKS_MOST = 40, /* as the kernel (MAXSYMLINKS) */
	INSPECT = O_PATH | O_CLOEXEC,
};

void path_walk_close(struct path_walk *w)
{
	if (w->fd >= 0)
		(void)close(w->fd);
	if (w->parent >= 0)
		(void)close(w->parent);
	w->fd = w->parent = -1;
}

int path_open_at(int dir, const char *path, int flags)
{
	int fd;

	do
		fd = openat(dir, path, flags);
	while (fd < 0 && errno == EINTR);
	return fd;
}

bool path_error_is_answer(int code)
{
	return code == ENOENT || code == ENOTDIR || code == EACCES || code == ELOOP;
}

struct span path_walk_real(int fd, char *room, size_t cap)
{
	struct span none = { NULL, 0 };
	char link[32];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, room, cap);
	if (n < 0)
		return none;
	if ((size_t)n >= cap) {
		errno = ENAMETOOLONG;
		return none;
	}
	/* "(unreachable)/x" lies outside of this process's root. */
	if (n == 0 || room[0] != '/') {
		errno = ENOENT;
		return none;
	}
	room[n] = '\0';
	return (struct span){ room, (size_t)n };
}

static int check(const struct path_walk *w, int fd, const struct stat *st, struct span after)
{
	struct path_component c = { .fd = fd, .st = st };
	size_t slashes = 0;

	while (slashes < after.n && after.s[slashes] == '/')
		slashes++;
	c.last = slashes == after.n;
	return w->check ? w->check(w->ctx, &c) : 0;
}

/* Goes to "/", with this left to go. */
static int enter_root(struct path_walk *w, struct span rest)
{
	struct stat st;
	int fd = path_open_at(AT_FDCWD, "/", INSPECT);

	if (fd < 0)
		return -1;
	path_walk_close(w);
	w->fd = fd;
	w->name[0] = '\0';
	w->rest = rest;
	if (!w->check)
		return 0;
	return fstat(fd, &st) == 0 ? check(w, fd, &st, rest) : -1;
}

/* Puts the text of a link in its place, as the kernel does. */
static int follow(struct path_walk *w, int link, struct span after)
{
	char *room = w->room[w->spare];
	ssize_t n = readlinkat(link, "", room, PATH_WALK_ROOM);
	struct span rest;

	if (n == 0)
		errno = ENOENT;
	if (n <= 0)
		return -1;
	rest = (struct span){ room, (size_t)n + 1 + after.n };
	if (++w->links > LINKS_MOST || rest.n > PATH_WALK_ROOM) {
		errno = w->links > LINKS_MOST ? ELOOP : ENAMETOOLONG;
		return -1;
	}
	room[n] = '/';
	memcpy(room + n + 1, after.s, after.n);
	w->spare = !w->spare;
	if (room[0] == '/')
		return enter_root(w, rest);
	w->rest = rest;
	return 0;
}

/*
 * 1: links in the directory fd, other than those of /proc itself, are a process's own. 0: they are
 * not. -1 and errno: not known.
 */
static int is_process_link(int fd, const char *name)
{
	static const char *const plain[] = { "self", "thread-self", "mounts", "net" };
	struct statfs fs;

	if (fstatfs(fd, &fs) != 0)
		return -1;
	if (fs.f_type != PROC_SUPER_MAGIC)
		return 0;
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (strcmp(name, plain[i]) == 0)
			return 0;
	}
	return 1;
}

/*
 * The component itself, not what a link leads to; the caller closes it. O_DIRECTORY mounts what is
 * mounted when it is entered (autofs, parts of NFS and CIFS), as the path does that dockerd uses:
 * with O_PATH alone the walk would go on in the empty directory below. -1 and errno: EIO when such
 * a directory cannot be mounted now, which says nothing about the next try.
 */
static int open_component(int dir, const char *name, int flags, struct stat *st)
{
	int fd = path_open_at(dir, name, flags | O_DIRECTORY);
	bool entered = fd >= 0;

	if (fd < 0 && path_error_is_answer(errno))
		fd = path_open_at(dir, name, flags);
	if (fd < 0)
		return -1;
	/* A directory of a hidden process (hidepid) opens; this finds that it is not there. */
	if (fstat(fd, st) == 0) {
		if (entered || !S_ISDIR(st->st_mode))
			return fd;
		errno = EIO;
	}
	file_close_auto(&fd);
	return -1;
}

/* Goes one component further. */
static int step(struct path_walk *w, struct span part, struct span after)
{
	char name[sizeof(w->name)];
	struct stat st;
	int fd;

	if (part.n >= sizeof(name)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	text_copy(part, name, sizeof(name));
	fd = open_component(w->fd, name, INSPECT | O_NOFOLLOW, &st);
	if (fd >= 0 && S_ISLNK(st.st_mode)) {
		int magic = w->through_magic ? is_process_link(w->fd, name) : 0;
		int rc = magic != 0 || check(w, fd, &st, after) != 0 ? -1 : follow(w, fd, after);

		file_close_auto(&fd);
		if (magic <= 0)
			return rc;
		/* Its text is a name for people; the kernel alone knows where it leads. */
		w->magic = true;
		fd = open_component(w->fd, name, INSPECT, &st);
	}
	if (fd < 0)
		return -1;
	if (w->parent >= 0)
		(void)close(w->parent);
	w->parent = w->fd;
	w->fd = fd;
	memcpy(w->name, name, part.n + 1);
	w->rest = after;
	return check(w, fd, &st, after);
}

int path_walk(struct path_walk *w, const char *path)
{
	int rc;

	w->fd = w->parent = -1;
	w->magic = false;
	w->links = w->spare = 0;
	w->rest = span_of(path);
	/* The kernel takes no longer one. */
	if (w->rest.n >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	rc = enter_root(w, w->rest);
	while (rc == 0 && w->rest.n > 0) {
		struct span part = { w->rest.s, span_find(w->rest, '/') };
		struct span after = span_after(w->rest, part.n < w->rest.n ? part.n + 1 : part.n);

		if (part.n == 0 || span_equal(part, SPAN(".")))
			w->rest = after;
		else
			rc = step(w, part, after);
	}
	return rc;
}
