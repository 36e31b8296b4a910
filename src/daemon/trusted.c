#include "dsp/trusted.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dsp/mem.h"

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

/* Every directory above path, which is absolute. path is changed for a while. */
static int check_above(char *path, struct err *e)
{
	struct stat st;

	for (char *slash = path; slash; slash = strchr(slash + 1, '/')) {
		char kept = slash[1];
		int rc;

		slash[1] = '\0';
		rc = stat(path, &st) == 0 ? check_owner(path, &st, e) : FAIL(e, errno, "%s", path);
		slash[1] = kept;
		if (rc != 0)
			return -1;
	}
	return 0;
}

/* The real path, when both the way that was named and the real one are in good hands. */
static char *check_way(const char *path, struct err *e)
{
	AUTO_MEM char *copy = mem_copy(path, strlen(path));
	AUTO_MEM char *above = NULL;
	char *slash = copy ? strrchr(copy, '/') : NULL;
	char *real = NULL;

	if (!copy) {
		err_set(e, ENOMEM, "%s", path);
		return NULL;
	}
	if (slash)
		slash[1] = '\0';
	above = realpath(slash ? copy : ".", NULL);
	if (above)
		real = realpath(path, NULL);
	if (!real) {
		err_set(e, errno, "%s", path);
		return NULL;
	}
	/* The directory itself is checked as one above a name in it. */
	mem_free(copy);
	copy = mem_alloc(strlen(above) + 2);
	if (copy) {
		memcpy(copy, above, strlen(above));
		memcpy(copy + strlen(above), "/", 2);
	}
	if (copy && check_above(copy, e) == 0 && check_above(real, e) == 0)
		return real;
	if (!copy)
		err_set(e, ENOMEM, "%s", path);
	mem_free(real);
	return NULL;
}

static int read_whole(int fd, const char *path, size_t most, char **text, size_t *n, struct err *e)
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
	*text = room;
	*n = len;
	room = NULL;
	return 0;
}

static int read_checked(
	int fd, const char *path, size_t most, char **text, size_t *n, struct err *e)
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
	return read_whole(fd, path, most, text, n, e);
}

int trusted_read(const char *path, size_t most, char **text, size_t *n, struct err *e)
{
	AUTO_MEM char *real = check_way(path, e);
	int fd;
	int rc;

	if (!real)
		return -1;
	/* Not blocking: a FIFO would wait for a writer. */
	fd = open(real, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return FAIL(e, errno, "%s", path);
	rc = read_checked(fd, path, most, text, n, e);
	(void)close(fd);
	return rc;
}
