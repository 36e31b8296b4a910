#include "dsp/system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/span.h"

enum { FIRST_ROOM = 16 << 10 };

void file_close_auto(const int *fd)
{
	int code = errno;

	if (*fd >= 0)
		(void)close(*fd);
	errno = code;
}

/* Room for one byte more than `most` shows that there is more; one for the end is kept free. */
static int grow(struct file_text *t, size_t most)
{
	size_t room = t->room > 0 ? t->room * 2 : FIRST_ROOM;
	char *more;

	if (room > most + 2)
		room = most + 2;
	more = mem_resize(t->text, room);
	if (!more) {
		errno = ENOMEM;
		return -1;
	}
	t->text = more;
	t->room = room;
	return 0;
}

int file_read_some(int fd, size_t most, struct file_text *t)
{
	ssize_t n;

	if (t->n + 1 >= t->room && grow(t, most) != 0)
		return -1;
	n = read(fd, t->text + t->n, t->room - 1 - t->n);
	if (n < 0)
		return errno == EINTR ? 1 : -1;
	t->n += (size_t)n;
	t->text[t->n] = '\0';
	if (t->n > most) {
		errno = EFBIG;
		return -1;
	}
	return n > 0;
}

int file_read_all(int fd, size_t most, struct file_text *ret)
{
	struct file_text t = { .text = NULL };
	int rc;

	do
		rc = file_read_some(fd, most, &t);
	while (rc > 0);
	if (rc == 0)
		*ret = t;
	else
		mem_free(t.text);
	return rc;
}

int file_read(const char *path, size_t most, char **ret, size_t *len, struct err *e)
{
	bool standard_input = strcmp(path, "-") == 0;
	AUTO_FD int opened = standard_input ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int fd = standard_input ? STDIN_FILENO : opened;
	struct file_text read;

	if (fd >= 0 && file_read_all(fd, most, &read) == 0) {
		*ret = read.text;
		*len = read.n;
		return 0;
	}
	if (fd >= 0 && errno == EFBIG)
		return FAIL(e, 0, "%s: more than %zu bytes", path, most);
	return FAIL(e, errno, "%s", path);
}

int file_write_all(int fd, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, text, n);

		if (done < 0 && errno != EINTR)
			return -1;
		text += done > 0 ? done : 0;
		n -= done > 0 ? (size_t)done : 0;
	}
	return 0;
}

/* Owner and mode of the new file. */
static int set_permissions(int fd, const struct stat *like, mode_t mode)
{
	if (like && fchown(fd, like->st_uid, like->st_gid) != 0)
		return -1;
	return fchmod(fd, like ? like->st_mode & 07777 : mode);
}

/* like: an existing file, or NULL: it becomes ours, with this mode. */
static int replace(
	const char *path, struct span text, const struct stat *like, mode_t mode, struct err *e)
{
	char beside[2048];
	int fd;
	int rc;

	if (snprintf(beside, sizeof(beside), "%s.XXXXXX", path) >= (int)sizeof(beside))
		return FAIL(e, ENAMETOOLONG, "%.80s...", path);
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0)
		return FAIL(e, errno, "%s", path);
	rc = file_write_all(fd, text.s, text.n) == 0 && set_permissions(fd, like, mode) == 0 ? 0
											     : -1;
	if (rc != 0)
		err_set(e, errno, "%s", path);
	if (close(fd) != 0 && rc == 0)
		rc = FAIL(e, errno, "%s", path);
	if (rc == 0 && rename(beside, path) != 0)
		rc = FAIL(e, errno, "%s", path);
	if (rc != 0)
		(void)unlink(beside);
	return rc;
}

/* For root a rename would put a file in the place of /dev/null. 1: there is none yet. */
static int find_file(const char *path, struct stat *st, struct err *e)
{
	if (lstat(path, st) != 0)
		return 1;
	return S_ISREG(st->st_mode) ? 0 : FAIL(e, 0, "%s: not a regular file", path);
}

int file_replace(const char *path, const char *text, size_t n, struct err *e)
{
	struct stat st;

	return find_file(path, &st, e) < 0 ? -1
					   : replace(path, (struct span){ text, n }, NULL, 0644, e);
}

int file_rewrite(const char *path, const char *text, size_t n, unsigned mode, struct err *e)
{
	struct stat st;
	int rc = find_file(path, &st, e);

	return rc < 0 ? -1 : replace(path, (struct span){ text, n }, rc == 0 ? &st : NULL, mode, e);
}
