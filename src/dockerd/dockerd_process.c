/* Finds the dockerd that a command is about, and reads in /proc how it runs. */
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
#include "dsp/core/facts/versions.h"
#include "dsp/host/listening_sockets.h"
#include "dsp/system/proc_file.h"
#include "dsp/system/subprocess.h"
#include "dsp/system/unix_socket.h"

#define USUAL_CONFIG "/etc/docker/daemon.json"
#define USUAL_SOCKET "/run/docker.sock"

enum { DAEMONS_MOST = 16, COMMAND_MS = 20000 };

/* The processes that are called dockerd. */
struct daemons {
	pid_t here[DAEMONS_MOST]; /* root's, in our PID namespace and with our root directory */
	size_t count;
	pid_t rootless;  /* another user's; 0: none */
	pid_t elsewhere; /* in another PID namespace or root directory: a container; 0: none */
};

/* Whether two paths lead to the same file, or both to none. */
static bool is_same(const char *a, const char *b)
{
	struct stat first;
	struct stat second;
	int one = stat(a, &first);
	int other = stat(b, &second);

	return one == other &&
		(one != 0 || (first.st_dev == second.st_dev && first.st_ino == second.st_ino));
}

static const char *proc_path(pid_t pid, const char *rest, char *out, size_t cap)
{
	(void)snprintf(out, cap, "/proc/%d/%s", (int)pid, rest);
	return out;
}

/* --- processes ---------------------------------------------------------------------------------*/

/* Adds the process to its kind, if it is called dockerd. */
static void inspect_process(struct daemons *all, pid_t pid)
{
	struct stat st;
	char path[64];

	if (!proc_file_is_program(pid, "dockerd") ||
		stat(proc_path(pid, "", path, sizeof(path)), &st) != 0)
		return;
	/* A rootless dockerd always has another root directory. */
	if (!is_same(proc_path(pid, "ns/pid", path, sizeof(path)), "/proc/self/ns/pid") ||
		(st.st_uid == 0 && !is_same(proc_path(pid, "root/", path, sizeof(path)), "/")))
		all->elsewhere = pid;
	else if (st.st_uid != 0)
		all->rootless = pid;
	else if (all->count < DAEMONS_MOST)
		all->here[all->count++] = pid;
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

		/* strtol stops at the newline. */
		if (span_starts(line, key))
			return (pid_t)strtol(line.s + key.n, NULL, 10);
	}
	return 0;
}

static int inspect_processes(struct daemons *all, struct err *e)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	size_t kept = 0;

	*all = (struct daemons){ .count = 0 };
	if (!proc)
		return FAIL(e, errno, "/proc");
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone */
	while ((entry = readdir(proc)) != NULL) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 0)
			inspect_process(all, pid);
	}
	(void)closedir(proc);
	/* A child that dockerd has forked is called dockerd until it executes its program. */
	for (size_t i = 0; i < all->count; i++) {
		pid_t parent = parent_of(all->here[i]);
		bool child = false;

		for (size_t j = 0; j < all->count; j++)
			child = child || all->here[j] == parent;
		if (!child)
			all->here[kept++] = all->here[i];
	}
	all->count = kept;
	return 0;
}

/* --- configuration -----------------------------------------------------------------------------*/

/* The directory, "/" if none stands between, and the path; mem_free. NULL and e. */
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

/* The absolute path: a relative one starts in dockerd's working directory. NULL and e. */
static char *absolute_path(const struct dockerd *d, const char *path, struct err *e)
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

/* Sets config_file, which must be the same file for dockerd as for us. */
static int find_config(struct dockerd *d, struct err *e)
{
	AUTO_MEM char *there = NULL;
	const char *named = NULL;
	const char *value;
	char root[64];
	size_t at = 0;

	/* The last one counts. */
	while ((value = dockerd_options_next(d, "config-file", &at)) != NULL)
		named = value;
	if (named && named[0] == '\0')
		return FAIL(e, 0,
			"dockerd (process %d) reads no daemon.json: its --config-file is empty",
			(int)d->pid);
	d->config_named = named != NULL;
	d->config_file = absolute_path(d, named ? named : USUAL_CONFIG, e);
	if (!d->config_file)
		return -1;
	if (d->pid == 0 || d->rootless)
		return 0;
	there = join(proc_path(d->pid, "root", root, sizeof(root)), d->config_file, e);
	if (!there)
		return -1;
	if (is_same(there, d->config_file))
		return 0;
	return FAIL(e, 0,
		"dockerd (process %d) sees another %s than dsp does, because its mount namespace differs; try nsenter --mount --target %d dsp ...",
		(int)d->pid, d->config_file, (int)d->pid);
}

/* --- sockets -----------------------------------------------------------------------------------*/

struct listener {
	const char *path;
	bool found;
};

static void compare_path(void *ctx, const char *path)
{
	struct listener *l = ctx;
	struct stat st;

	if (stat(path, &st) == 0 && is_same(path, l->path))
		l->found = true;
}

static bool listens_on(pid_t pid, const char *path)
{
	struct listener l = { .path = path };

	return listening_sockets_own(pid, compare_path, &l) == 0 && l.found;
}

/* The path of "unix:///path"; NULL: another kind of address. */
static const char *unix_path(const char *host)
{
	static const char scheme[] = "unix://";

	return strncmp(host, scheme, sizeof(scheme) - 1) == 0 ? host + sizeof(scheme) - 1 : NULL;
}

/* Sets socket: to wanted or, where that is NULL, to one that dockerd listens on, if any. */
static int find_socket(struct dockerd *d, const char *wanted, struct err *e)
{
	const char *found = wanted;
	const char *value;
	size_t at = 0;

	if (!found && listens_on(d->pid, USUAL_SOCKET))
		found = USUAL_SOCKET;
	while (!found && (value = dockerd_options_next(d, "host", &at)) != NULL) {
		const char *path = unix_path(value);

		if (path && listens_on(d->pid, path))
			found = path;
	}
	if (!found)
		return 0;
	d->socket = join("", found, e);
	return d->socket ? 0 : -1;
}

/* --- the program -------------------------------------------------------------------------------*/

/*
 * The program that runs, not the one that an upgrade has put in its place; without a process that
 * of its unit. NULL: none is known.
 */
static const char *program_of(const struct dockerd *d, char *out, size_t cap)
{
	if (d->pid != 0)
		return proc_path(d->pid, "exe", out, cap);
	return d->count > 0 && d->arguments[0][0] == '/' ? d->arguments[0] : NULL;
}

long dockerd_version(const struct dockerd *d)
{
	return d ? version_number(d->version) : 0;
}

/*
 * The last line of what dockerd printed, without what it says in each case: "unable to configure
 * the Docker daemon with file PATH: ".
 */
static void copy_reason(char *output, const char *path, char *reason, size_t cap)
{
	size_t n = strlen(output);
	const char *line;
	const char *at;

	while (n > 0 && (output[n - 1] == '\n' || output[n - 1] == '\r'))
		output[--n] = '\0';
	line = strrchr(output, '\n');
	line = line ? line + 1 : output;
	at = strstr(line, path);
	if (at && strncmp(at + strlen(path), ": ", 2) == 0)
		line = at + strlen(path) + 2;
	text_copy(span_of(line), reason, cap);
}

int dockerd_validate(const struct dockerd *d, const char *path, char *reason, size_t cap)
{
	enum { OUTPUT = 64 << 10 };
	AUTO_MEM char *output = mem_alloc(OUTPUT);
	/* Of a process that runs: the words of a unit may hold variables. */
	size_t words = d->pid != 0 && d->count > 0 ? d->count - 1 : 0;
	const char **argv = mem_array(words + 5, sizeof(*argv));
	char exe[32];
	const char *program = program_of(d, exe, sizeof(exe));
	struct err e;
	int rc = -1;

	if (output && argv && program && version_has(VERSION_VALIDATE, dockerd_version(d))) {
		argv[0] = program;
		for (size_t i = 0; i < words; i++)
			argv[i + 1] = d->arguments[i + 1];
		argv[words + 1] = "--validate";
		argv[words + 2] = "--config-file";
		argv[words + 3] = path;
		rc = subprocess_run(argv, COMMAND_MS, output, OUTPUT, &e);
	}
	mem_free((void *)argv);
	if (rc > 0)
		copy_reason(output, path, reason, cap);
	return rc < 0 ? -1 : rc == 0;
}

/* Not from its API: a policy may deny that, and dockerd may be waiting for a dead plugin. */
void dockerd_read_version(struct dockerd *d)
{
	static const char before[] = "Docker version ";
	char program[32];
	const char *const argv[] = { program_of(d, program, sizeof(program)), "--version", NULL };
	const char *at;
	char output[256];
	struct err e;

	if (d->rootless || !argv[0] ||
		subprocess_run(argv, COMMAND_MS, output, sizeof(output), &e) != 0)
		return;
	at = strstr(output, before);
	if (at) {
		at += sizeof(before) - 1;
		text_copy((struct span){ at, strcspn(at, ", \n") }, d->version, sizeof(d->version));
	}
}

/* --- choice ------------------------------------------------------------------------------------*/

/* The path that host (NULL: DOCKER_HOST) names; NULL: it names none. -1 and e: not a local path. */
static int parse_host(const char *host, const char **path, struct err *e)
{
	const char *from = "";

	*path = NULL;
	if (!host) {
		/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
		host = getenv("DOCKER_HOST");
		from = "DOCKER_HOST=";
	}
	if (!host || host[0] == '\0')
		return 0;
	if (unix_path(host))
		host = unix_path(host);
	if (host[0] != '/')
		return FAIL(e, 0,
			"%s%s: dsp can only look at a dockerd of this machine, by unix:///PATH",
			from, host);
	*path = host;
	return 0;
}

/* The process that serves path; 0: none answers, or it is of another PID namespace. */
static pid_t peer_at(const char *path, bool *answers)
{
	int fd = unix_socket_connect(path);
	pid_t peer = 0;

	*answers = fd >= 0;
	if (fd >= 0) {
		peer = unix_socket_peer(fd);
		(void)close(fd);
	}
	return peer;
}

/* No dockerd runs here: no error, unless something else answers on its socket. */
static int check_absent(const struct daemons *all, const char *path, struct err *e)
{
	bool answers;
	pid_t peer = peer_at(path, &answers);

	/* Process 1 is systemd, which listens for a dockerd that it would start. */
	if (!answers || (peer == 1 && all->elsewhere != 1))
		return 0;
	if (peer == 0 || peer == all->elsewhere)
		return FAIL(e, 0,
			"%s: the dockerd that answers there runs in a container or another namespace; run dsp there",
			path);
	return FAIL(e, 0, "%s: process %d answers there, and it is not dockerd", path, (int)peer);
}

/* Sets pid and rootless. wanted: the socket that dockerd must serve; NULL: the usual one. */
static int choose(struct dockerd *d, const struct daemons *all, const char *wanted, struct err *e)
{
	const char *path = wanted ? wanted : USUAL_SOCKET;
	bool answers;
	pid_t peer;

	if (all->count == 0) {
		d->pid = all->rootless;
		d->rootless = all->rootless != 0;
		return d->rootless ? 0 : check_absent(all, path, e);
	}
	peer = peer_at(path, &answers);
	for (size_t i = 0; i < all->count && d->pid == 0; i++) {
		if (all->here[i] == peer || listens_on(all->here[i], path))
			d->pid = all->here[i];
	}
	if (d->pid != 0)
		return 0;
	if (wanted)
		return FAIL(e, 0, "%s: dockerd (process %d) does not listen there", wanted,
			(int)all->here[0]);
	if (all->count > 1)
		return FAIL(e, 0,
			"several dockerd run here (processes %d, %d%s), and none listens on %s: choose one with --host unix:///PATH",
			(int)all->here[0], (int)all->here[1], all->count > 2 ? ", ..." : "",
			USUAL_SOCKET);
	d->pid = all->here[0];
	return 0;
}

int dockerd_find(const char *host, struct dockerd **ret, struct err *e)
{
	struct daemons all;
	struct dockerd *d;
	const char *path;

	if (geteuid() != 0)
		return FAIL(e, EPERM, "only root can look at the process of dockerd: run sudo dsp");
	if (parse_host(host, &path, e) != 0 || inspect_processes(&all, e) != 0)
		return -1;
	d = mem_array(1, sizeof(*d));
	if (!d)
		return FAIL(e, ENOMEM, "dockerd");
	if (choose(d, &all, path, e) != 0 || dockerd_options_read(d, e) != 0 ||
		find_config(d, e) != 0)
		goto fail;
	if (d->pid != 0 && !d->rootless && find_socket(d, path, e) != 0)
		goto fail;
	*ret = d;
	return 0;
fail:
	dockerd_free(d);
	return -1;
}

void dockerd_free(struct dockerd *d)
{
	if (!d)
		return;
	/* All arguments are one piece of memory, which begins with the first. */
	if (d->arguments)
		mem_free(d->arguments[0]);
	mem_free((void *)d->arguments);
	mem_free(d->config_file);
	mem_free(d->socket);
	mem_free(d);
}

size_t dockerd_others(const struct dockerd *d, struct dockerd **ret, size_t most)
{
	struct daemons all;
	struct err e;
	size_t count = 0;

	if (inspect_processes(&all, &e) != 0)
		return 0;
	for (size_t i = 0; i < all.count && count < most; i++) {
		struct dockerd *other = all.here[i] == d->pid ? NULL : mem_array(1, sizeof(*other));

		if (!other)
			continue;
		other->pid = all.here[i];
		/* It may have ended meanwhile. */
		if (dockerd_options_read(other, &e) == 0 && find_socket(other, NULL, &e) == 0)
			ret[count++] = other;
		else
			dockerd_free(other);
	}
	return count;
}
