#include "daemon_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "daemon_json.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/system/trusted_file.h"

enum { FILE_MOST = 1 << 20, FRESH_MODE = 0644, DIRECTORY_MODE = 0755, NAME_ROOM = NAME_MAX + 32 };

/* dsp disable of later versions looks for these texts. */
static const char note[] = "There was no daemon.json before dsp enable; dsp disable removes it.\n";
static const char note_directory[] = "Nor was there this directory.\n";

/* The name of a file beside daemon.json; out has NAME_ROOM bytes. */
static const char *beside(const struct daemon_file *f, const char *suffix, char *out)
{
	(void)snprintf(out, NAME_ROOM, "%s%s", f->name, suffix);
	return out;
}

static bool exists_beside(const struct daemon_file *f, const char *suffix)
{
	char name[NAME_ROOM];

	return faccessat(f->directory, beside(f, suffix, name), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void remove_beside(const struct daemon_file *f, const char *suffix)
{
	char name[NAME_ROOM];

	(void)unlinkat(f->directory, beside(f, suffix, name), 0);
}

/* --- reading -----------------------------------------------------------------------------------*/

/* Reads a regular file of the directory; st may be NULL. 1: there is none. */
static int read_at(const struct daemon_file *f, const char *name, struct stat *st,
	struct file_text *ret, struct err *e)
{
	AUTO_FD int fd = openat(
		f->directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat own = { .st_mode = 0 };

	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0 || fstat(fd, &own) != 0)
		return FAIL(e, errno, "%s", f->path);
	if (!S_ISREG(own.st_mode))
		return FAIL(e, 0, "%s: not a regular file", f->path);
	if (file_read_all(fd, FILE_MOST, ret) != 0)
		return errno == EFBIG ? FAIL(e, 0, "%s: larger than %d bytes", f->path, FILE_MOST)
				      : FAIL(e, errno, "%s", f->path);
	if (st)
		*st = own;
	return 0;
}

/* --- opening -----------------------------------------------------------------------------------*/

/* The path without symbolic links. Only the file itself may be missing. NULL and e. */
static char *real_path(const char *path, struct err *e)
{
	AUTO_MEM char *directory = mem_copy(path, strlen(path));
	const char *name = strrchr(path, '/');
	char *real = realpath(path, NULL);
	AUTO_MEM char *parent = NULL;
	struct stat st;
	struct line l;
	size_t cap;

	if (real)
		return real;
	if (errno != ENOENT || lstat(path, &st) == 0 || !name || !directory) {
		err_set(e, errno, "%s", path);
		return NULL;
	}
	directory[name == path ? 1 : name - path] = '\0';
	parent = realpath(directory, NULL);
	if (!parent)
		return mem_copy(path, strlen(path));
	cap = strlen(parent) + strlen(name) + 1;
	real = mem_alloc(cap);
	if (!real) {
		err_set(e, ENOMEM, "%s", path);
		return NULL;
	}
	line_init(&l, real, cap);
	line_add(&l, "%s", strcmp(parent, "/") == 0 ? "" : parent);
	line_add(&l, "%s", name);
	return real;
}

static int open_directory(struct daemon_file *f, bool to_change, struct err *e)
{
	AUTO_MEM char *directory = mem_copy(f->path, strlen(f->path));
	char *slash = directory ? strrchr(directory, '/') : NULL;

	if (!slash)
		return FAIL(e, directory ? ENOENT : ENOMEM, "%s", f->path);
	f->name = f->path + (slash - directory) + 1;
	if (strlen(f->name) + sizeof(FILE_NONE) > NAME_MAX)
		return FAIL(e, ENAMETOOLONG, "%s", f->path);
	slash[slash == directory] = '\0';
	f->made = to_change && mkdir(directory, DIRECTORY_MODE) == 0;
	f->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->directory < 0 && (to_change || errno != ENOENT))
		return FAIL(e, errno, "%s", directory);
	if (!to_change || flock(f->directory, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return FAIL(e, 0, "%s: another dsp enable or dsp disable is changing it", f->path);
	return FAIL(e, errno, "%s", directory);
}

static int open_file(struct daemon_file *f, const char *path, bool to_change, struct err *e)
{
	struct file_text read = { .text = NULL };
	int rc = 1;

	f->path = real_path(path, e);
	if (!f->path || open_directory(f, to_change, e) != 0)
		return -1;
	if (f->directory >= 0)
		rc = read_at(f, f->name, &f->st, &read, e);
	if (rc < 0)
		return -1;
	f->exists = rc == 0;
	f->text = rc == 0 ? read.text : mem_copy("", 0);
	f->len = read.n;
	return f->text ? 0 : FAIL(e, ENOMEM, "%s", path);
}

int daemon_file_open(const char *path, bool to_change, struct daemon_file **ret, struct err *e)
{
	struct daemon_file *f = mem_array(1, sizeof(*f));

	if (!f)
		return FAIL(e, ENOMEM, "%s", path);
	f->directory = -1;
	if (open_file(f, path, to_change, e) != 0) {
		daemon_file_close(f);
		return -1;
	}
	*ret = f;
	return 0;
}

/* Removes the directory of daemon.json if it is empty. */
static void remove_directory(const struct daemon_file *f)
{
	char *slash = f->path + (f->name - f->path) - 1;

	*slash = '\0';
	(void)rmdir(f->path);
	*slash = '/';
}

void daemon_file_close(struct daemon_file *f)
{
	if (f->directory >= 0) {
		if (f->made)
			remove_directory(f);
		(void)close(f->directory);
	}
	mem_free(f->path);
	mem_free(f->text);
	mem_free(f);
}

/* --- writing -----------------------------------------------------------------------------------*/

/* Access control lists and labels, as far as the file system lets us set them. */
static int copy_attributes(int from, int to)
{
	char names[1024];
	char value[2048];
	ssize_t all = flistxattr(from, names, sizeof(names));

	for (ssize_t at = 0; at < all; at += (ssize_t)strlen(names + at) + 1) {
		ssize_t n = fgetxattr(from, names + at, value, sizeof(value));

		if (n >= 0 && fsetxattr(to, names + at, value, (size_t)n, 0) != 0 &&
			errno != ENOTSUP && errno != EPERM)
			return -1;
	}
	return all < 0 && errno != ENOTSUP ? -1 : 0;
}

static int copy_permissions(const struct daemon_file *f, int to)
{
	int from;
	int rc;

	if (!f->exists)
		return fchmod(to, FRESH_MODE);
	if (fchown(to, f->st.st_uid, f->st.st_gid) != 0 || fchmod(to, f->st.st_mode & 07777) != 0)
		return -1;
	from = openat(f->directory, f->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (from < 0)
		return -1;
	rc = copy_attributes(from, to);
	(void)close(from);
	return rc;
}

int daemon_file_write(const struct daemon_file *f, struct span text, struct err *e)
{
	char name[NAME_ROOM];
	int fd;
	int rc;

	/* A dsp that was killed may have left one. */
	remove_beside(f, FILE_NEW);
	fd = openat(f->directory, beside(f, FILE_NEW, name),
		O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return FAIL(e, errno, "%s%s", f->path, FILE_NEW);
	rc = copy_permissions(f, fd);
	if (rc == 0)
		rc = file_write_all(fd, text.s, text.n);
	if (rc == 0)
		rc = fsync(fd);
	if (rc != 0)
		err_set(e, errno, "%s%s", f->path, FILE_NEW);
	if (close(fd) != 0 && rc == 0)
		rc = FAIL(e, errno, "%s%s", f->path, FILE_NEW);
	if (rc != 0)
		remove_beside(f, FILE_NEW);
	return rc;
}

void daemon_file_drop_new(const struct daemon_file *f)
{
	remove_beside(f, FILE_NEW);
}

static int write_note(const struct daemon_file *f, struct err *e)
{
	char name[NAME_ROOM];
	int fd;
	int rc;

	/* A dsp that was killed may have written it, when the directory was new. */
	if (exists_beside(f, FILE_NONE))
		return 0;
	fd = openat(f->directory, beside(f, FILE_NONE, name),
		O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FRESH_MODE);
	if (fd < 0)
		return FAIL(e, errno, "%s%s", f->path, FILE_NONE);
	rc = file_write_all(fd, note, sizeof(note) - 1);
	if (rc == 0 && f->made)
		rc = file_write_all(fd, note_directory, sizeof(note_directory) - 1);
	if (rc != 0)
		err_set(e, errno, "%s%s", f->path, FILE_NONE);
	(void)close(fd);
	if (rc != 0)
		remove_beside(f, FILE_NONE);
	return rc;
}

static int keep_old(const struct daemon_file *f, struct err *e)
{
	char name[NAME_ROOM];

	/* An existing copy is from an earlier enable. */
	remove_beside(f, FILE_BEFORE);
	if (!f->exists)
		return write_note(f, e);
	remove_beside(f, FILE_NONE);
	if (linkat(f->directory, f->name, f->directory, beside(f, FILE_BEFORE, name), 0) != 0)
		return FAIL(e, errno, "%s%s", f->path, FILE_BEFORE);
	return 0;
}

/* An edit that was made after the file was read must not be lost. */
static int check_unchanged(const struct daemon_file *f, struct err *e)
{
	struct stat now = { .st_ino = 0 };
	bool there = fstatat(f->directory, f->name, &now, AT_SYMLINK_NOFOLLOW) == 0;

	if (there == f->exists &&
		(!there ||
			(now.st_ino == f->st.st_ino && now.st_size == f->st.st_size &&
				now.st_mtim.tv_sec == f->st.st_mtim.tv_sec &&
				now.st_mtim.tv_nsec == f->st.st_mtim.tv_nsec)))
		return 0;
	err_set(e, 0, "%s: another program has changed it in the meantime", f->path);
	e->code = ESTALE;
	return -1;
}

static int rename_new(const struct daemon_file *f, struct err *e)
{
	char name[NAME_ROOM];

	if (check_unchanged(f, e) != 0)
		return -1;
	if (renameat(f->directory, beside(f, FILE_NEW, name), f->directory, f->name) != 0)
		return FAIL(e, errno, "cannot replace %s", f->path);
	/* Not every file system supports this, and the new file is in place already. */
	(void)fsync(f->directory);
	return 0;
}

int daemon_file_switch(const struct daemon_file *f, struct err *e)
{
	if (keep_old(f, e) == 0) {
		if (rename_new(f, e) == 0)
			return 0;
		remove_beside(f, FILE_BEFORE);
		remove_beside(f, FILE_NONE);
	}
	remove_beside(f, FILE_NEW);
	return -1;
}

/* --- removing ----------------------------------------------------------------------------------*/

/* Removes daemon.json, which dsp enable made, and its directory if the note says the same of it. */
static int remove_file(const struct daemon_file *f, struct err *e)
{
	struct file_text read = { .text = NULL };
	char name[NAME_ROOM];
	struct err silent;
	bool directory;

	directory = read_at(f, beside(f, FILE_NONE, name), NULL, &read, &silent) == 0 &&
		read.text && strstr(read.text, note_directory);
	mem_free(read.text);
	if (check_unchanged(f, e) != 0)
		return -1;
	if (unlinkat(f->directory, f->name, 0) != 0)
		return FAIL(e, errno, "%s", f->path);
	remove_beside(f, FILE_NONE);
	(void)fsync(f->directory);
	if (directory)
		remove_directory(f);
	return 0;
}

int daemon_file_preview(const struct daemon_file *f, const char *name, struct file_text *ret,
	bool *gone, struct err *e)
{
	AUTO_MEM char *left = daemon_json_remove(daemon_file_text(f), name, e);
	struct file_text before = { .text = NULL };
	char beside_it[NAME_ROOM];
	struct err silent;
	size_t n = left ? strlen(left) : 0;

	if (!left)
		return -1;
	*gone = exists_beside(f, FILE_NONE) && daemon_json_is_empty((struct span){ left, n });
	/* Blank text is not restored: not every dockerd reads it (20.10 fails with EOF). */
	if (read_at(f, beside(f, FILE_BEFORE, beside_it), NULL, &before, &silent) == 0 &&
		!daemon_json_is_blank((struct span){ before.text, before.n }) &&
		daemon_json_same(
			(struct span){ before.text, before.n }, (struct span){ left, n })) {
		*ret = before;
		return 0;
	}
	mem_free(before.text);
	*ret = (struct file_text){ .text = left, .n = n };
	left = NULL;
	return 0;
}

int daemon_file_remove_plugin(const struct daemon_file *f, const char *name, struct err *e)
{
	json_auto_t *plugins = daemon_json_plugins(daemon_file_text(f), e);
	struct file_text left = { .text = NULL };
	bool has = daemon_json_has(plugins, name);
	bool gone = false;
	int rc;

	if (!plugins || (has && daemon_file_preview(f, name, &left, &gone, e) != 0))
		return -1;
	remove_beside(f, FILE_NEW);
	if (has && gone) {
		rc = remove_file(f, e);
	} else if (has) {
		rc = daemon_file_write(f, (struct span){ left.text, left.n }, e);
		if (rc == 0)
			rc = rename_new(f, e);
		if (rc != 0)
			remove_beside(f, FILE_NEW);
	} else {
		rc = 0;
	}
	mem_free(left.text);
	if (rc != 0)
		return -1;
	remove_beside(f, FILE_BEFORE);
	remove_beside(f, FILE_NONE);
	return has;
}
