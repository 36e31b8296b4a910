#include "dsp/system/trusted_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"
#include "dsp/system/path_walk.h"

static bool is_trusted_user(uid_t user)
{
	return user == 0 || user == geteuid();
}

static int check_owner(const char *path, const struct stat *st, struct err *e)
{
	if (!is_trusted_user(st->st_uid))
		return FAIL(
			e, 0, "%s: it belongs to user %u, not to root", path, (unsigned)st->st_uid);
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return 0;
	if (S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX))
		return 0;
	return FAIL(e, 0, "%s: other users can write it (mode %o); chmod go-w", path,
		(unsigned)(st->st_mode & 07777));
}

/* The way to one file. */
struct way {
	const char *path; /* as the user named it */
	struct err *e;
	bool distrusted; /* e says why */
};

/* Each directory and each link on the way; the file itself is checked when it is open. */
static int check_component(void *ctx, const struct path_component *c)
{
	struct way *way = ctx;
	bool link = S_ISLNK(c->st->st_mode);
	char room[256];
	const char *place = path_walk_real(c->fd, room, sizeof(room)).s;

	if (!place)
		place = way->path;
	if (link && !is_trusted_user(c->st->st_uid)) {
		way->distrusted = true;
		return FAIL(way->e, 0, "%s: the link belongs to user %u, not to root", place,
			(unsigned)c->st->st_uid);
	}
	if (link || c->last)
		return 0;
	if (!S_ISDIR(c->st->st_mode)) {
		errno = ENOTDIR;
		return -1;
	}
	way->distrusted = check_owner(place, c->st, way->e) != 0;
	return way->distrusted ? -1 : 0;
}

/* The path from "/"; the caller frees it. NULL and errno. */
static char *from_root(const char *path)
{
	AUTO_MEM char *whole = mem_alloc((size_t)PATH_MAX + strlen(path) + 2);
	char *ret = whole;
	size_t n;

	if (!whole)
		return NULL;
	whole[0] = '\0';
	if (path[0] != '/' && !getcwd(whole, PATH_MAX))
		return NULL;
	n = strlen(whole);
	whole[n] = '/';
	memcpy(whole + n + 1, path, strlen(path) + 1);
	whole = NULL;
	return ret;
}

/* Opens the file, when the way to it is trusted. -1 and e. */
static int open_trusted(const char *path, struct err *e)
{
	struct way way = { .path = path, .e = e };
	AUTO_MEM struct path_walk *w = mem_array(1, sizeof(*w));
	AUTO_MEM char *whole = from_root(path);
	int fd = -1;

	if (!w || !whole)
		return FAIL(e, w ? errno : ENOMEM, "%s", path);
	w->check = check_component;
	w->ctx = &way;
	/* O_NONBLOCK: opening a FIFO would wait for a writer. */
	if (path_walk(w, whole) == 0)
		fd = openat(w->parent >= 0 ? w->parent : w->fd, w->name[0] ? w->name : ".",
			O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && !way.distrusted)
		err_set(e, errno, "%s", path);
	path_walk_close(w);
	return fd;
}

int trusted_file_read(const char *path, size_t most, struct file_text *ret, struct err *e)
{
	AUTO_FD int fd = open_trusted(path, e);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) != 0)
		return FAIL(e, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return FAIL(e, 0, "%s: not a regular file", path);
	if (check_owner(path, &st, e) != 0)
		return -1;
	if (file_read_all(fd, most, ret) != 0)
		return errno == EFBIG ? FAIL(e, 0, "%s: larger than %zu bytes", path, most)
				      : FAIL(e, errno, "%s", path);
	return 0;
}
