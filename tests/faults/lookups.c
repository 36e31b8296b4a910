/*
 * Look-ups of mount sources in which one system call fails: for each kind of source, each call of
 * its look-up fails once with each error that a kernel may give, and each policy decides. No answer
 * may be an allow where the healthy one is none. The linker puts the functions below (--wrap) in
 * the place of the C library's; tests/faults/run.py checks that none is missing.
 *
 *   lookups [STEP]    fails only each STEPth call, with one error in its turn; 1: all of them
 *
 * Needs root: the tree has mounts of its own.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "dsp/config/config.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/facts/facts.h"
#include "dsp/core/policy/decide.h"
#include "dsp/host/mount_lookup.h"
#include "dsp/protocol/envelope.h"
#include "host/host_view.h"

#define TOP "/run/faults"

static const int errors[] = { EMFILE, ENFILE, EIO, ESTALE, ENOMEM, EINTR, EPERM, ETIMEDOUT, ENODEV,
	ENXIO, EBADF, EINVAL, EOVERFLOW, ENOTCONN, EAGAIN, ESRCH, ENAMETOOLONG, ENOSYS };
enum { ERRORS = sizeof(errors) / sizeof(errors[0]) };

/* --- faults ------------------------------------------------------------------------------------*/

static bool counting;
static size_t calls;
static size_t fails_at; /* from 1; 0: none */
static int fails_with;
static const char *failed; /* the call that failed last */

static bool fails(const char *call)
{
	if (!counting || ++calls != fails_at)
		return false;
	failed = call;
	errno = fails_with;
	return true;
}

#define WRAP(type, name, failure, parameters, arguments)                                           \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters;                                                             \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		return fails(#name) ? (failure) : __real_##name arguments;                         \
	}

/* Without O_CREAT nobody gives a mode. */
WRAP(int, open, -1, (const char *path, int flags), (path, flags))
WRAP(int, openat, -1, (int dir, const char *path, int flags), (dir, path, flags))
WRAP(int, __open_2, -1, (const char *path, int flags), (path, flags))
WRAP(int, __openat_2, -1, (int dir, const char *path, int flags), (dir, path, flags))
WRAP(int, fstat, -1, (int fd, struct stat *st), (fd, st))
WRAP(int, stat, -1, (const char *path, struct stat *st), (path, st))
WRAP(int, fstatat, -1, (int dir, const char *path, struct stat *st, int flags),
	(dir, path, st, flags))
WRAP(int, fstatfs, -1, (int fd, struct statfs *fs), (fd, fs))
WRAP(int, statx, -1, (int fd, const char *path, int flags, unsigned mask, struct statx *st),
	(fd, path, flags, mask, st))
WRAP(ssize_t, readlink, -1, (const char *path, char *to, size_t n), (path, to, n))
WRAP(ssize_t, readlinkat, -1, (int dir, const char *path, char *to, size_t n), (dir, path, to, n))
WRAP(off_t, lseek, -1, (int fd, off_t to, int whence), (fd, to, whence))
WRAP(int, poll, -1, (struct pollfd * p, nfds_t n, int ms), (p, n, ms))
WRAP(int, inotify_init1, -1, (int flags), (flags))
WRAP(int, inotify_add_watch, -1, (int fd, const char *path, uint32_t mask), (fd, path, mask))
WRAP(ssize_t, read, -1, (int fd, void *to, size_t n), (fd, to, n))
WRAP(DIR *, opendir, NULL, (const char *path), (path))
WRAP(struct dirent *, readdir, NULL, (DIR * dir), (dir))

/* --- the host ----------------------------------------------------------------------------------*/

static _Noreturn void die(const char *what)
{
	(void)printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static void must(int rc, const char *what)
{
	if (rc != 0)
		die(what);
}

static void make_socket(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	must(bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 1), path);
}

static const char *const directories[] = { "/run/docker", "/run/docker/plugins", "/run/other", TOP,
	TOP "/plain", TOP "/own", TOP "/own/below", TOP "/up", TOP "/volumes", TOP "/volumes/v",
	TOP "/volumes/v/_data", TOP "/mounted", TOP "/bound" };

static const char *const links[][2] = { { "/run/docker.sock", TOP "/to-socket" },
	{ "/run/docker", TOP "/volumes/v/_data/link" }, { "to-socket", TOP "/to-to-socket" },
	{ "../faults/to-to-socket", TOP "/chain" }, { "plain", TOP "/to-plain" },
	{ TOP "/own/below/file", TOP "/to-own" }, { TOP "/own/new", TOP "/to-missing" },
	{ "/dev/zero", TOP "/to-device" }, { "/proc/self/root", TOP "/to-root" },
	{ "/etc/dsp/policy.json", TOP "/to-policy" }, { "../own/below", TOP "/up/link" },
	{ TOP "/plain/any.sock", TOP "/to-any" }, { "/", TOP "/to-all" } };

static void make_host(void)
{
	must(unshare(CLONE_NEWNS), "unshare");
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "mount");
	must(mount("dsp", "/run", "tmpfs", 0, NULL), "mount");
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
		must(mkdir(directories[i], 0700), directories[i]);
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		must(symlink(links[i][0], links[i][1]), links[i][1]);
	make_socket("/run/docker.sock");
	make_socket("/run/other/other.sock");
	/* This process stands for dockerd, which also listens here. */
	make_socket(TOP "/plain/any.sock");
	must(mknod(TOP "/own/below/file", S_IFREG | 0600, 0), "mknod");
	must(mknod(TOP "/node", S_IFBLK | 0600, makedev(7, 0)), "mknod");
	must(link("/run/docker.sock", TOP "/hard"), "link");
	must(mount(TOP "/own", TOP "/mounted", NULL, MS_BIND, NULL), "mount");
	must(mount("/run/docker.sock", TOP "/bound", NULL, MS_BIND, NULL) != 0 ? 0 : -1, "mount");
	must(mount("/run/docker", TOP "/bound", NULL, MS_BIND, NULL), "mount");
}

/* One of each kind. */
static const char *const sources[] = { TOP "/up", TOP "/to-plain", "/run/docker.sock",
	TOP "/to-socket", TOP "/chain", TOP "/volumes/v/_data/link", TOP "/to-all/run/docker.sock",
	TOP "/plain", TOP "/to-any", "/run/other/other.sock", TOP "/hard", TOP "/bound",
	TOP "/own/below", TOP "/to-own", TOP "/mounted/below/file", TOP "/to-missing",
	TOP "/to-policy", "/etc/dsp", TOP "/none/at/all", TOP "/to-device", TOP "/node", "/dev",
	TOP "/to-root/run/docker.sock", "/proc/self/root", TOP "/up/link/../below", TOP "/to-all",
	"/proc/1/root", "relative" };
enum { SOURCES = sizeof(sources) / sizeof(sources[0]) };

/* --- policies ----------------------------------------------------------------------------------*/

static const char policy_file[] =
	"{\"otherwise\":\"profile\",\"rules\":[{\"name\":\"d\",\"who\":[\"*\"],\"deny\":[\"container_create\"],"
	"\"mounts\":[\"/run/docker\",\"" TOP "/own\"]},"
	"{\"name\":\"p\",\"who\":[\"*\"],\"deny\":[\"*\"],\"powers\":[\"devices\",\"dsp_files\"]},"
	"{\"name\":\"a\",\"who\":[\"*\"],\"allow\":[\"*\"],\"powers\":[\"create\",\"host_mounts\"],"
	"\"mounts\":[\"" TOP "/**\"]}]}";

static const char *const policies[][6] = { { "DSP_PROFILE=guard" },
	{ "DSP_PROFILE=guard", "ALLOW_DOCKER_SOCKET=0" },
	{ "DSP_PROFILE=guard", "ALLOW_DEVICES=0", "ALLOW_DSP_FILES=1" },
	{ "DSP_PROFILE=hardened", "ALLOW_HOST_MOUNTS=1" },
	{ "DSP_PROFILE=hardened", "ALLOW_HOST_MOUNTS=1", "ALLOW_DOCKER_SOCKET=1" },
	{ "DSP_PROFILE=readonly", "ALLOW_CREATE=1", "ALLOW_HOST_MOUNTS=1" },
	{ "DSP_PROFILE=tecnativa", "CONTAINERS=1", "POST=1", "ALLOW_DOCKER_SOCKET=0" },
	{ "DSP_PROFILE=linuxserver", "CONTAINERS=1", "POST=1", "ALLOW_HOST_MOUNTS=1" },
	{ "DSP_PROFILE=guard", "DSP_POLICY=" TOP "/policy.json" },
	{ "DSP_PROFILE=hardened", "DSP_POLICY=" TOP "/policy.json" } };
enum { POLICIES = sizeof(policies) / sizeof(policies[0]) };

static struct config *configs[POLICIES];

static void read_policies(void)
{
	FILE *file = fopen(TOP "/policy.json", "w");

	if (!file || fputs(policy_file, file) < 0 || fclose(file) != 0)
		die("policy.json");
	for (size_t i = 0; i < POLICIES; i++) {
		struct sources sources_of = { .socket = TOP "/own/dsp.sock", .in_force = true };
		char *variables[7] = { NULL };
		struct err e = { .text = "" };

		for (size_t k = 0; k < 6; k++)
			variables[k] = (char *)(uintptr_t)policies[i][k];
		environ = variables;
		if (config_read(&sources_of, &configs[i], &e) != 0) {
			(void)printf("Bail out! policy %zu: %s\n", i, e.text);
			exit(EXIT_FAILURE);
		}
	}
}

/* --- questions ---------------------------------------------------------------------------------*/

/* How a look-up knows the host: it reads all, or a view is kept, and is there, or is not yet. */
enum view { VIEW_READ, VIEW_KEPT, VIEW_NEW, VIEWS };

static const char *const views[VIEWS] = { "read", "kept", "new" };
static enum view view;
static struct host_view *kept;
static struct host_tables tables;

static void run(struct mount_lookup *l)
{
	int code;

	calls = 0;
	counting = true;
	if (view == VIEW_READ) {
		mount_lookup_run(l);
		counting = false;
		return;
	}
	code = mount_lookup_inspect(l, &tables, &kept, NULL, NULL);
	counting = false;
	mount_lookup_end(l, code);
	/* As the look-up process, which ends then. */
	if (code != 0) {
		host_view_free(kept);
		kept = NULL;
	}
}

/* Which of the policies allow it; bits. */
static unsigned ask(const char *source)
{
	static const char *const headers[] = { "Content-Type: application/json", NULL };
	const struct lookup_scope scope = { .paths = rules_paths(
						    configs[POLICIES - 1]->policy.file_rules),
		.own_paths = SPAN(TOP "/own"),
		.docker = getpid() };
	struct mount_lookup *l = NULL;
	struct request rq;
	struct facts facts;
	struct span body;
	char json[300];
	unsigned allowed = 0;
	struct err e;
	char *text;

	(void)snprintf(json, sizeof(json),
		"{\"Image\":\"i\",\"HostConfig\":{\"Mounts\":[{\"Type\":\"bind\","
		"\"Source\":\"%s\",\"Target\":\"/m\"}]}}",
		source);
	body = span_of(json);
	text = envelope_request(SPAN("POST"), SPAN("/containers/create"), SPAN(""), headers, &body);
	if (!text || envelope_parse(text, strlen(text), &rq, &e) != 0 ||
		facts_parse(&rq, &facts, &e) != 0 || facts.reading != READING_EXACT ||
		mount_lookup_collect(&facts, &scope, &l, &e) != 0 || !l)
		die(source);
	run(l);
	mount_lookup_attach(l, &facts);
	if (facts_add_mount_powers(&facts, SPAN(TOP "/own"), &e) != 0)
		die(source);
	for (size_t i = 0; i < POLICIES; i++) {
		struct subject who = subject_identify(configs[i]->policy.file_rules, &rq);
		struct decision d = decide(&configs[i]->policy, &who, &facts, NULL);

		allowed |= (d.verdict == VERDICT_ALLOW ? 1U : 0U) << i;
	}
	facts_free(&facts);
	mount_lookup_release(l);
	mem_free(text);
	return allowed;
}

struct counts {
	const char *source;
	unsigned healthy; /* as ask() has it */
	size_t asked;
	size_t wrong;
};

static void check(struct counts *n, size_t at, const char *when, unsigned allowed)
{
	n->asked++;
	if ((allowed & ~n->healthy) == 0 || n->wrong++ >= 10)
		return;
	(void)printf("# %s, view %s: call %zu (%s) fails with %s: %s allowed by %x, healthy %x\n",
		n->source, views[view], at, failed, strerrorname_np(fails_with), when, allowed,
		n->healthy);
}

/* One fault; and with a view that is kept, the answer after it. */
static void ask_with_fault(struct counts *n, size_t at, int error)
{
	unsigned allowed;

	if (view == VIEW_NEW) {
		host_view_free(kept);
		kept = NULL;
	}
	fails_at = at;
	fails_with = error;
	allowed = ask(n->source);
	fails_at = 0;
	check(n, at, "it is", allowed);
	if (view != VIEW_READ)
		check(n, at, "the next is", ask(n->source));
}

static void ask_with_faults(struct counts *n, size_t step)
{
	static size_t turn;
	size_t all;

	n->healthy = ask(n->source);
	/* The calls of a look-up whose view is there, or is not. */
	if (view == VIEW_NEW) {
		host_view_free(kept);
		kept = NULL;
	}
	if (ask(n->source) != n->healthy)
		n->wrong++;
	all = calls;
	for (size_t at = 1 + turn % step; at <= all; at += step) {
		size_t first = step == 1 ? 0 : turn++ % ERRORS;
		size_t end = step == 1 ? (size_t)ERRORS : first + 1;

		for (size_t i = first; i < end; i++)
			ask_with_fault(n, at, errors[i]);
	}
	/* Each kind of denial and allow must be among the healthy answers. */
	(void)printf(
		"# %s: view %s, %zu calls, healthy %x\n", n->source, views[view], all, n->healthy);
}

int main(int argc, char **argv)
{
	size_t step = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
	size_t number = 0;
	int status = EXIT_SUCCESS;

	if (geteuid() != 0) {
		(void)printf("1..0 # SKIP needs root\n");
		return EXIT_SUCCESS;
	}
	make_host();
	read_policies();
	must(host_tables_read(getpid(), &tables), "tables");
	for (size_t i = 0; i < SOURCES; i++) {
		struct counts n = { .source = sources[i] };

		for (size_t k = 0; k < VIEWS; k++) {
			view = (enum view)k;
			ask_with_faults(&n, step);
		}
		if (n.wrong > 0)
			status = EXIT_FAILURE;
		(void)printf("%s %zu - %s: %zu faults, %zu wrong allows\n",
			n.wrong > 0 ? "not ok" : "ok", ++number, sources[i], n.asked, n.wrong);
		(void)fflush(stdout);
	}
	(void)printf("1..%zu\n", number);
	return status;
}
