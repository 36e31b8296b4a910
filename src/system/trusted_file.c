#include "dsp/system/trusted_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"

enum {
	LINKS_MOST = 40,           /* as the kernel */
	LOOK = O_PATH | O_CLOEXEC, /* opens nothing that could answer */
};

static int check_owner(const char *path, const struct stat *st, struct err *e)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return FAIL(
			e, 0, "%s: it belongs to user %u, not to root", path, (unsigned)st->st_uid);
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return 0;
	if (S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX))
		return 0;
	return FAIL(e, 0, "%s: others may write it (mode %o); chmod go-w", path,
		(unsigned)(st->st_mode & 07777));
}

/* --- the way to it -----------------------------------------------------------------------------*/

/* Component by component, as the kernel goes, so that each directory and each link is seen. */
struct way {
	const char *path; /* as it was named, for a person */
	int fd;           /* the directory in which the rest begins */
	char *rest;       /* owned */
	size_t links;
};

/* The path of fd, for a person. */
static const char *place_of(const struct way *w, int fd, char *room, size_t cap)
{
	char link[32];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, room, cap - 1);
	if (n <= 0 || room[0] != '/')
		return w->path;
	room[n] = '\0';
	return room;
}

/* Goes on in fd, which it owns then. */
static int enter(struct way *w, int fd, struct err *e)
{
	char room[256];
	struct stat st;

	if (w->fd >= 0)
		(void)close(w->fd);
	w->fd = fd;
	if (fd < 0 || fstat(fd, &st) != 0)
		return FAIL(e, errno, "%s", w->path);
	return check_owner(place_of(w, fd, room, sizeof(room)), &st, e);
}

/* What comes next is a link (fd): its text takes its place. */
static int follow(struct way *w, int fd, const char *after, struct err *e)
{
	AUTO_MEM char *rest = mem_alloc((size_t)PATH_MAX + strlen(after) + 2);
	char room[256];
	struct stat st;
	ssize_t n;

	if (!rest || fstat(fd, &st) != 0)
		return FAIL(e, rest ? errno : ENOMEM, "%s", w->path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return FAIL(e, 0, "%s: the link belongs to user %u, not to root",
			place_of(w, fd, room, sizeof(room)), (unsigned)st.st_uid);
	n = readlinkat(fd, "", rest, PATH_MAX);
	if (n <= 0 || ++w->links > LINKS_MOST)
		return FAIL(e, n > 0 ? ELOOP : errno, "%s", w->path);
	rest[n] = '/';
	memcpy(rest + n + 1, after, strlen(after) + 1);
	mem_free(w->rest);
	w->rest = rest;
	rest = NULL;
	return w->rest[0] == '/' ? enter(w, open("/", LOOK), e) : 0;
}

/* One component on. 1: the last one is reached: it is rest, in the directory fd. -1 and e. */
static int advance(struct way *w, struct err *e)
{
	char *name = w->rest + strspn(w->rest, "/");
	char *end = name + strcspn(name, "/");
	char *after = end + strspn(end, "/");
	struct stat st;
	int rc = 0;
	int fd;

	*end = '\0';
	fd = openat(w->fd, *name ? name : ".", LOOK | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) != 0)
		rc = FAIL(e, errno, "%s", w->path);
	else if (S_ISLNK(st.st_mode))
		rc = follow(w, fd, after, e);
	else if (*after == '\0')
		rc = 1;
	else if (!S_ISDIR(st.st_mode))
		rc = FAIL(e, ENOTDIR, "%s", w->path);
	else
		memmove(w->rest, after, strlen(after) + 1);
	if (rc == 0 && fd >= 0 && S_ISDIR(st.st_mode))
		return enter(w, fd, e);
	if (rc == 1)
		memmove(w->rest, name, strlen(name) + 1);
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

/* The path from "/"; NULL: errno. */
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

/* Opens the file at the end of a way in good hands. */
static int open_trusted(const char *path, struct err *e)
{
	struct way w = { .path = path, .fd = -1, .rest = from_root(path) };
	int rc = w.rest ? enter(&w, open("/", LOOK), e) : FAIL(e, errno, "%s", path);
	int fd = -1;

	while (rc == 0)
		rc = advance(&w, e);
	/* Not blocking: a FIFO would wait for a writer. */
	if (rc > 0) {
		fd = openat(w.fd, w.rest[0] ? w.rest : ".",
			O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
		if (fd < 0)
			err_set(e, errno, "%s", path);
	}
	if (w.fd >= 0)
		(void)close(w.fd);
	mem_free(w.rest);
	return fd;
}

/* --- the file ----------------------------------------------------------------------------------*/

static int read_whole(int fd, const char *path, size_t most, struct file_text *ret, struct err *e)
{
	AUTO_MEM char *room = mem_alloc(most + 1);
	size_t len = 0;
	ssize_t got = 1;

	if (!room)
		return FAIL(e, ENOMEM, "%s", path);
	while (len <= most && got > 0) {
		got = read(fd, room + len, most + 1 - len);
		len += got > 0 ? (size_t)got : 0;
		if (got < 0 && errno == EINTR)
			got = 1;
	}
	if (got < 0)
		return FAIL(e, errno, "%s", path);
	if (len > most)
		return FAIL(e, 0, "%s: larger than %zu bytes", path, most);
	room[len] = '\0';
	*ret = (struct file_text){ room, len };
	room = NULL;
	return 0;
}

static int read_checked(int fd, const char *path, size_t most, struct file_text *ret, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return FAIL(e, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return FAIL(e, 0, "%s: not a regular file", path);
	if (check_owner(path, &st, e) != 0)
		return -1;
	if ((size_t)st.st_size > most)
		return FAIL(e, 0, "%s: larger than %zu bytes", path, most);
	return read_whole(fd, path, most, ret, e);
}

int trusted_file_read(const char *path, size_t most, struct file_text *ret, struct err *e)
{
	int fd = open_trusted(path, e);
	int rc;

	if (fd < 0)
		return -1;
	rc = read_checked(fd, path, most, ret, e);
	(void)close(fd);
	return rc;
}
