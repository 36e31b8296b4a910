/* Which dockerd is meant, and what can be read of it in /proc. */
#include "dsp/dockerd/dockerd_process.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dockerd_options.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/span.h"
#include "dsp/core/base/text.h"
#include "dsp/host/listening_sockets.h"
#include "dsp/system/proc_file.h"
#include "dsp/system/unix_socket.h"

#define USUAL_CONFIG "/etc/docker/daemon.json"
#define USUAL_SOCKET "/run/docker.sock"

enum { DAEMONS_MOST = 16 };

/* The processes that are called dockerd. */
struct seen {
	pid_t here[DAEMONS_MOST]; /* root's, with our view of processes and files */
	size_t count;
	pid_t rootless;  /* another user's; 0: none */
	pid_t elsewhere; /* in a container, or another view of files; 0: none */
};

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Whether two paths lead to the same, or both to nothing. */
static bool is_same(const char *a, const char *b)
{
	struct stat first;
	struct stat second;
	int one = stat(a, &first);
	int other = stat(b, &second);

	return one == other && (one != 0 || same_file(&first, &second));
}

static const char *proc_path(pid_t pid, const char *rest, char *out, size_t cap)
{
	(void)snprintf(out, cap, "/proc/%d/%s", (int)pid, rest);
	return out;
}

/* --- processes ---------------------------------------------------------------------------------*/

static bool is_dockerd(pid_t pid)
{
	AUTO_MEM char *text = NULL;
	char path[64];
	struct span program;
	size_t len;

	if (proc_file_read(proc_path(pid, "cmdline", path, sizeof(path)), &text, &len) != 0)
		return false;
	program = (struct span){ text, span_find((struct span){ text, len }, '\0') };
	return span_equal(program, SPAN("dockerd")) || span_ends(program, SPAN("/dockerd"));
}

static pid_t parent_of(pid_t pid)
{
	static const struct span key = SPAN_INIT("PPid:");
	AUTO_MEM char *text = NULL;
	char path[64];
	struct span rest;
	size_t len;

	if (proc_file_read(proc_path(pid, "status", path, sizeof(path)), &text, &len) != 0)
		return 0;
	rest = (struct span){ text, len };
	while (rest.n > 0) {
		struct span line = proc_file_line(&rest);

		/* The line ends with a newline, where strtol ends too. */
		if (span_starts(line, key))
			return (pid_t)strtol(line.s + key.n, NULL, 10);
	}
	return 0;
}

static void sort_process(struct seen *s, pid_t pid)
{
	struct stat st;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	if (stat(path, &st) != 0)
		return;
	/* A rootless one has a root of its own, and no wish to be looked at closely. */
	if (!is_same(proc_path(pid, "ns/pid", path, sizeof(path)), "/proc/self/ns/pid") ||
		(st.st_uid == 0 && !is_same(proc_path(pid, "root/", path, sizeof(path)), "/")))
		s->elsewhere = pid;
	else if (st.st_uid != 0)
		s->rootless = pid;
	else if (s->count < DAEMONS_MOST)
		s->here[s->count++] = pid;
}

/* For a moment a child of dockerd's is one more dockerd, until it becomes another program. */
static void drop_children(struct seen *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->count; i++) {
		pid_t parent = parent_of(s->here[i]);
		bool child = false;

		for (size_t j = 0; j < s->count; j++)
			child = child || s->here[j] == parent;
		if (!child)
			s->here[kept++] = s->here[i];
	}
	s->count = kept;
}

static int inspect_processes(struct seen *s, struct err *e)
{
	DIR *all = opendir("/proc");
	const struct dirent *entry;

	*s = (struct seen){ .count = 0 };
	if (!all)
		return FAIL(e, errno, "/proc");
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone */
	while ((entry = readdir(all)) != NULL) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 0 && is_dockerd(pid))
			sort_process(s, pid);
	}
	(void)closedir(all);
	drop_children(s);
	return 0;
}

/* --- configuration -----------------------------------------------------------------------------*/

/* directory, "/" when it lacks between them, and path; mem_free. NULL and e. */
static char *join(const char *directory, const char *path, struct err *e)
{
	size_t cap = strlen(directory) + strlen(path) + 2;
	char *whole = mem_alloc(cap);
	struct line l;

	if (!whole) {
		err_set(e, ENOMEM, "%s", path);
		return NULL;
	}
	line_init(&l, whole, cap);
	line_add(&l, "%s", directory);
	line_add(&l, path[0] == '/' ? "%s" : "/%s", path);
	return whole;
}

/* The path as it is from "/": dockerd's own directory is meant. NULL and e. */
static char *from_root(const struct dockerd *d, const char *path, struct err *e)
{
	AUTO_MEM char *directory = NULL;
	char link[64];

	if (path[0] == '/' || d->pid == 0)
		return join("", path, e);
	directory = mem_array(PATH_MAX, 1);
	proc_path(d->pid, "cwd", link, sizeof(link));
	if (!directory || readlink(link, directory, PATH_MAX - 1) < 0) {
		err_set(e, directory ? errno : ENOMEM, "%s", link);
		return NULL;
	}
	return join(directory, path, e);
}

static int check_view(const struct dockerd *d, struct err *e)
{
	AUTO_MEM char *there = NULL;
	char root[64];

	there = join(proc_path(d->pid, "root", root, sizeof(root)), d->config_file, e);
	if (!there)
		return -1;
	if (is_same(there, d->config_file))
		return 0;
	return FAIL(e, 0,
		"dockerd (process %d) has another %s than the one seen here: its mount namespace is another; try nsenter --mount --target %d dsp ...",
		(int)d->pid, d->config_file, (int)d->pid);
}

static int find_config(struct dockerd *d, struct err *e)
{
	const char *named = NULL;
	const char *value;
	size_t at = 0;

	/* Of several the last one counts. */
	while ((value = dockerd_options_next(d, "config-file", &at)) != NULL)
		named = value;
	if (named && named[0] == '\0')
		return FAIL(e, 0,
			"dockerd (process %d) reads no daemon.json: its --config-file is empty",
			(int)d->pid);
	d->config_named = named != NULL;
	d->config_file = from_root(d, named ? named : USUAL_CONFIG, e);
	if (!d->config_file)
		return -1;
	return d->pid != 0 && !d->rootless ? check_view(d, e) : 0;
}

/* --- sockets -----------------------------------------------------------------------------------*/

struct listens {
	const char *path;
	bool found;
};

static void compare(void *ctx, const char *path)
{
	struct listens *l = ctx;
	struct stat st;

	if (stat(path, &st) == 0 && is_same(path, l->path))
		l->found = true;
}

static bool listens_on(pid_t pid, const char *path)
{
	struct listens l = { .path = path };

	return listening_sockets_own(pid, compare, &l) == 0 && l.found;
}

/* The process that made the socket at path; 0: nobody answers there, or it is not visible here. */
static pid_t peer_at(const char *path, bool *answers)
{
	int fd = unix_socket_connect(path);
	pid_t peer;

	*answers = fd >= 0;
	if (fd < 0)
		return 0;
	peer = unix_socket_peer(fd);
	(void)close(fd);
	return peer;
}

/* Where its API is when nobody said: the usual place, or what its command line says. */
static int find_socket(struct dockerd *d, struct err *e)
{
	static const char scheme[] = "unix://";
	const char *found = listens_on(d->pid, USUAL_SOCKET) ? USUAL_SOCKET : NULL;
	const char *value;
	size_t at = 0;

	while (!found && (value = dockerd_options_next(d, "host", &at)) != NULL) {
		if (strncmp(value, scheme, sizeof(scheme) - 1) != 0)
			continue;
		value += sizeof(scheme) - 1;
		if (listens_on(d->pid, value))
			found = value;
	}
	if (!found)
		return 0;
	d->socket = join("", found, e);
	return d->socket ? 0 : -1;
}

/* --- choice ------------------------------------------------------------------------------------*/

/* The path that host means; NULL: the usual one. -1 and e: no path of this machine. */
static int wanted_socket(const char *host, const char **path, struct err *e)
{
	static const char scheme[] = "unix://";
	const char *from = "";

	*path = NULL;
	if (!host) {
		/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
		host = getenv("DOCKER_HOST");
		from = "DOCKER_HOST=";
	}
	if (!host || host[0] == '\0')
		return 0;
	if (strncmp(host, scheme, sizeof(scheme) - 1) == 0)
		host += sizeof(scheme) - 1;
	if (host[0] != '/')
		return FAIL(e, 0,
			"%s%s: only the dockerd of this machine can be looked at, by unix:///PATH",
			from, host);
	*path = host;
	return 0;
}

/* Nobody here is called dockerd, and yet somebody may answer where it should. */
static int check_nobody(const struct seen *s, const char *path, struct err *e)
{
	bool answers;
	pid_t peer = peer_at(path, &answers);

	/* Process 1 is systemd, which holds the socket for a dockerd that is to come. */
	if (!answers || (peer == 1 && s->elsewhere != 1))
		return 0;
	if (peer == 0 || peer == s->elsewhere)
		return FAIL(e, 0,
			"%s: the dockerd that answers there runs in a container or another namespace; dsp must look at it from there",
			path);
	return FAIL(e, 0, "%s: process %d answers there, and it is no dockerd", path, (int)peer);
}

/* Of those that run here the one that serves path; 0: none, or several. */
static pid_t serving(const struct seen *s, const char *path)
{
	bool answers;
	pid_t peer = peer_at(path, &answers);

	for (size_t i = 0; i < s->count; i++) {
		if (s->here[i] == peer || listens_on(s->here[i], path))
			return s->here[i];
	}
	return 0;
}

static int choose(struct dockerd *d, const struct seen *s, const char *path, struct err *e)
{
	if (s->count == 0 && s->rootless != 0) {
		d->pid = s->rootless;
		d->rootless = true;
		return 0;
	}
	if (s->count == 0)
		return check_nobody(s, path ? path : USUAL_SOCKET, e);
	d->pid = serving(s, path ? path : USUAL_SOCKET);
	if (d->pid != 0)
		return 0;
	if (path)
		return FAIL(e, 0, "%s: the dockerd that runs here (process %d) does not serve it",
			path, (int)s->here[0]);
	if (s->count > 1)
		return FAIL(e, 0,
			"several dockerd run here (processes %d, %d%s), and none serves %s: say which by --host unix:///PATH",
			(int)s->here[0], (int)s->here[1], s->count > 2 ? ", ..." : "",
			USUAL_SOCKET);
	d->pid = s->here[0];
	return 0;
}

static int read_all(struct dockerd *d, const char *path, struct err *e)
{
	if (dockerd_options_read(d, e) != 0)
		return -1;
	if (find_config(d, e) != 0)
		return -1;
	if (d->pid == 0 || d->rootless)
		return 0;
	dockerd_read_version(d);
	if (!path)
		return find_socket(d, e);
	d->socket = join("", path, e);
	return d->socket ? 0 : -1;
}

int dockerd_find(const char *host, struct dockerd **ret, struct err *e)
{
	struct dockerd *d;
	const char *path;
	struct seen s;

	if (geteuid() != 0)
		return FAIL(e, EPERM, "dockerd's process can only be looked at by root");
	if (wanted_socket(host, &path, e) != 0 || inspect_processes(&s, e) != 0)
		return -1;
	d = mem_array(1, sizeof(*d));
	if (!d)
		return FAIL(e, ENOMEM, "dockerd");
	if (choose(d, &s, path, e) != 0 || read_all(d, path, e) != 0) {
		dockerd_free(d);
		return -1;
	}
	*ret = d;
	return 0;
}

void dockerd_free(struct dockerd *d)
{
	if (!d)
		return;
	/* The words are one piece of memory, which begins with the first. */
	if (d->arguments)
		mem_free(d->arguments[0]);
	mem_free((void *)d->arguments);
	mem_free(d->config_file);
	mem_free(d->socket);
	mem_free(d);
}
