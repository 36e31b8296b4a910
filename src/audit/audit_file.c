#include "audit_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dsp/core/base/text.h"
#include "dsp/system/log.h"

enum { PATIENCE_MS = 100, NAME_ROOM = 272 };

void audit_file_close(struct audit_file *f)
{
	if (f->fd >= 0 && f->path)
		(void)close(f->fd);
	f->fd = -1;
	f->partial = 0;
	f->unsynced = false;
}

int audit_file_sync(const struct audit_file *f, struct err *e)
{
	if (f->fd >= 0 && f->regular && fdatasync(f->fd) != 0)
		return FAIL(e, errno, "%s: cannot sync it to the disk", f->path);
	return 0;
}

static const char *name_of(const struct audit_file *f)
{
	return f->path ? f->path : "standard error";
}

/* A killed process may have left half a line: ours must not continue it. */
static void end_last_line(struct audit_file *f)
{
	int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
	char last = '\n';

	if (fd < 0)
		return;
	if (f->size > 0 && pread(fd, &last, 1, (off_t)f->size - 1) == 1 && last != '\n' &&
		write(f->fd, "\n", 1) == 1)
		f->size++;
	(void)close(fd);
}

/* O_NONBLOCK is for a FIFO; it does not change how a file is written. */
int audit_file_open(struct audit_file *f, struct err *e)
{
	const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW |
		O_NONBLOCK;
	struct stat st;

	audit_file_close(f);
	f->regular = false;
	f->fd = f->path ? open(f->path, flags, 0600) : STDERR_FILENO;
	if (!f->path)
		return 0;
	if (f->fd < 0 && errno == ENXIO)
		return FAIL(e, 0, "%s: no process reads it", f->path);
	if (f->fd < 0 && errno == ELOOP)
		return FAIL(e, 0, "%s: a symbolic link; name its target", f->path);
	if (f->fd < 0 || fstat(f->fd, &st) != 0) {
		err_set(e, errno, "%s", f->path);
		audit_file_close(f);
		return -1;
	}
	f->regular = S_ISREG(st.st_mode);
	f->device = st.st_dev;
	f->inode = st.st_ino;
	f->size = f->regular ? (uint64_t)st.st_size : 0;
	if (f->regular)
		end_last_line(f);
	return 0;
}

/* Whether path still names the open file; ret gets its status, if there is a path. */
static bool is_in_place(const struct audit_file *f, struct stat *ret)
{
	if (!f->path)
		return f->fd >= 0;
	return f->fd >= 0 && stat(f->path, ret) == 0 && ret->st_dev == f->device &&
		ret->st_ino == f->inode;
}

/* Somebody may have emptied the file, because the disk was full. */
static void update_size(struct audit_file *f, uint64_t size)
{
	if (!f->regular || (f->partial > 0 && size >= f->size))
		return;
	f->size = size;
	f->partial = 0;
}

static void numbered_name(const struct audit_file *f, unsigned number, char out[NAME_ROOM])
{
	struct line l;

	line_init(&l, out, NAME_ROOM);
	line_add(&l, "%s", f->path);
	if (number > 0)
		line_add(&l, ".%u", number);
}

/* FILE.1 becomes FILE.2 and so on, the last one is replaced; then FILE becomes FILE.1. */
static int rotate(struct audit_file *f, struct err *e)
{
	char from[NAME_ROOM];
	char to[NAME_ROOM];

	for (unsigned i = f->keep; i > 0; i--) {
		numbered_name(f, i - 1, from);
		numbered_name(f, i, to);
		if (rename(from, to) == 0 || errno == ENOENT)
			continue;
		/* A log that is too long is better than none. */
		err_set(e, errno, "%s: cannot rename it to %s, so it keeps growing", from, to);
		log_fault("audit: %s", e->text);
		f->most = 0;
		return 0;
	}
	return audit_file_open(f, e);
}

/* Opens or rotates the file where that is due, before n bytes are written. */
static int prepare(struct audit_file *f, size_t n, struct err *e)
{
	struct stat st = { .st_size = (off_t)f->size };

	if (is_in_place(f, &st))
		update_size(f, (uint64_t)st.st_size);
	else if (audit_file_open(f, e) != 0)
		return -1;
	if (f->regular && f->most > 0 && f->size > 0 && f->size + n > f->most)
		return rotate(f, e);
	return 0;
}

/* Removes a half line that a full disk left, or lines that a failed sync may have dropped. */
static void remove_partial(struct audit_file *f)
{
	if (f->partial > 0 && f->regular && ftruncate(f->fd, (off_t)f->size) == 0)
		f->partial = 0;
}

/*
 * A kernel that fails to write pages forgets that they are to be written, and the next fdatasync
 * says that all is well. So lines that could not be synced are written again.
 */
static void remove_unsynced(struct audit_file *f)
{
	struct stat st;

	/* Not where somebody emptied the file: it would grow by zeros. */
	if (f->unsynced && fstat(f->fd, &st) == 0 && (uint64_t)st.st_size == f->size + f->partial)
		remove_partial(f);
	f->unsynced = false;
}

static int append(struct audit_file *f, struct span lines, struct err *e)
{
	while (f->partial < lines.n) {
		ssize_t n = write(f->fd, lines.s + f->partial, lines.n - f->partial);
		struct pollfd p = { .fd = f->fd, .events = POLLOUT };

		if (n > 0)
			f->partial += (size_t)n;
		else if (n == 0 || (errno != EINTR && errno != EAGAIN))
			return FAIL(e, n < 0 ? errno : 0, "%s: cannot write it", name_of(f));
		else if (errno == EAGAIN && poll(&p, 1, PATIENCE_MS) == 0)
			return FAIL(e, 0, "%s: its reader has stopped reading", name_of(f));
	}
	return 0;
}

int audit_file_write(struct audit_file *f, struct span lines, struct err *e)
{
	remove_unsynced(f);
	if (prepare(f, lines.n, e) != 0)
		return -1;
	if (append(f, lines, e) != 0) {
		remove_partial(f);
		/* The reader of the FIFO has gone, and with it the half line that it got. */
		if (e->code == EPIPE)
			audit_file_close(f);
		return -1;
	}
	if (f->sync && audit_file_sync(f, e) != 0) {
		if (f->sync_must_work) {
			f->unsynced = true;
			return -1;
		}
		log_fault("audit: %s", e->text);
	}
	f->size += lines.n;
	f->partial = 0;
	return 0;
}
