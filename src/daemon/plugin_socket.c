#include "plugin_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dsp/system/unix_socket.h"

enum {
	BACKLOG = 1024,
	LOCK_TRIES = 100, /* of 50 ms: a dspd that starts holds the lock for a moment only */
	LOCK_PAUSE_NS = 50 * 1000 * 1000,
};

static int set_address(const char *path, struct sockaddr_un *ret, struct err *e)
{
	size_t n = strlen(path);

	if (n == 0)
		return FAIL(e, 0, "the socket's path is empty");
	if (!unix_socket_address(path, ret))
		return FAIL(e, 0, "%.80s...: a socket's path has at most %zu bytes, this has %zu",
			path, sizeof(ret->sun_path) - 1, n);
	return 0;
}

/* Makes the missing directories above path. dir, a copy of path, becomes the last of them. */
static int make_parents(const char *path, char *dir, struct err *e)
{
	char *last = strrchr(dir, '/');

	if (!last) {
		memcpy(dir, ".", 2);
		return 0;
	}
	for (char *at = strchr(dir + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = '\0';
		if (mkdir(dir, 0700) != 0 && errno != EEXIST)
			return FAIL(e, errno, "%s: cannot make %s", path, dir);
		*at = '/';
	}
	last[last == dir ? 1 : 0] = '\0';
	return 0;
}

/*
 * Two daemons that start at once find the same stale socket. The lock on its directory lets one go
 * after the other. Returns the descriptor that holds it.
 */
static int lock_directory(const struct sockaddr_un *address, struct err *e)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };
	const char *path = address->sun_path;
	char dir[sizeof(address->sun_path)];
	int fd;

	memcpy(dir, path, sizeof(dir));
	if (make_parents(path, dir, e) != 0)
		return -1;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return FAIL(e, errno, "%s: cannot open its directory", path);
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return fd;
		if (errno != EWOULDBLOCK)
			break;
		(void)nanosleep(&pause, NULL);
	}
	err_set(e, errno, "%s: cannot lock its directory", path);
	(void)close(fd);
	return -1;
}

/* 0: no process serves at the address. -1 and e: one does, or that cannot be found out. */
static int probe(const struct sockaddr_un *address, struct err *e)
{
	const char *path = address->sun_path;
	int fd = unix_socket_connect(path);
	int why = errno;

	if (fd >= 0)
		(void)close(fd);
	/* A full backlog (EAGAIN) is a busy server, not a dead one. */
	if (fd >= 0 || why == EAGAIN)
		return FAIL(e, 0,
			"%s: another process listens here; stop it or choose another path", path);
	if (why != ECONNREFUSED && why != ENOENT)
		return FAIL(
			e, why, "%s: cannot find out whether another process listens here", path);
	return 0;
}

static int clear_way(const struct sockaddr_un *address, struct err *e)
{
	const char *path = address->sun_path;
	struct stat st;

	if (lstat(path, &st) != 0) {
		if (errno == ENOENT)
			return 0;
		return FAIL(e, errno, "%s", path);
	}
	if (!S_ISSOCK(st.st_mode))
		return FAIL(
			e, 0, "%s: this is not a socket; remove it or choose another path", path);
	if (probe(address, e) != 0)
		return -1;
	if (unlink(path) != 0 && errno != ENOENT)
		return FAIL(e, errno, "%s: cannot remove the stale socket", path);
	return 0;
}

static int open_locked(const struct sockaddr_un *address, struct plugin_socket *ret, struct err *e)
{
	const char *path = address->sun_path;
	struct plugin_socket l = { .fd = -1 };
	struct stat st;

	if (clear_way(address, e) != 0)
		return -1;
	l.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l.fd < 0 || bind(l.fd, (const struct sockaddr *)address, sizeof(*address)) != 0) {
		err_set(e, errno, "%s: cannot make the socket", path);
		if (l.fd >= 0)
			(void)close(l.fd);
		return -1;
	}
	if (lstat(path, &st) != 0 || listen(l.fd, BACKLOG) != 0) {
		err_set(e, errno, "%s: cannot listen", path);
		(void)unlink(path);
		(void)close(l.fd);
		return -1;
	}
	l.dev = st.st_dev;
	l.ino = st.st_ino;
	*ret = l;
	return 0;
}

int plugin_socket_open(const char *path, struct plugin_socket *ret, struct err *e)
{
	struct sockaddr_un address;
	mode_t old;
	int lock;
	int result = -1;

	if (set_address(path, &address, e) != 0)
		return -1;
	/* The umask gives the modes, so that no file has a wider one even for a moment. */
	old = umask(0077);
	lock = lock_directory(&address, e);
	if (lock >= 0) {
		(void)umask(0177);
		result = open_locked(&address, ret, e);
		(void)close(lock);
	}
	(void)umask(old);
	if (result == 0)
		ret->path = path;
	return result;
}

/*
 * While our socket is open no other file can have its inode number. No other dspd replaces the file
 * between lstat and unlink: we still answer there.
 */
void plugin_socket_unlink(struct plugin_socket *l)
{
	struct stat st;

	if (l->fd < 0 || lstat(l->path, &st) != 0)
		return;
	if (S_ISSOCK(st.st_mode) && st.st_dev == l->dev && st.st_ino == l->ino)
		(void)unlink(l->path);
}

void plugin_socket_close(struct plugin_socket *l)
{
	if (l->fd < 0)
		return;
	plugin_socket_unlink(l);
	(void)close(l->fd);
	l->fd = -1;
}
