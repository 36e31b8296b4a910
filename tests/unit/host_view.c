/*
 * A view of the host that is kept from one look-up to the next: whatever is mounted, unmounted,
 * moved, renamed or replaced in between, the next answer is that of a look-up which reads all. And
 * the sockets of a dockerd that is gone are forgotten, also when another has its process id.
 *
 * ROUNDS and SEED in the environment; mounts need root.
 */
#include "child.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "dsp/core/base/mem.h"
#include "dsp/host/listening_sockets.h"
#include "dsp/host/mount_lookup.h"
#include "host/host_view.h"

#define W "/run/w"

/* What is changed, and looked up. */
static const char *const paths[] = { W "/a", W "/b", W "/a/c", W "/b/c", W "/a/c/d", W "/b/c/d",
	W "/own", W "/own/x", W "/link", W "/link/c", W "/m", W "/m/c", W "/m/c/d", W "/file",
	"/run/docker", "/run/docker/plugins", "/run/docker.sock", "/run/containerd",
	W "/a/any.sock", W "/m/any.sock", W "/b/docker.sock", W "/m/own", W "/m/own/x", W };
enum { PATHS = sizeof(paths) / sizeof(paths[0]) };

static uint64_t state;

static unsigned any(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33) % n;
}

/* Where the sockets are is chosen more often. */
static const char *any_path(void)
{
	return any(4) == 0 ? paths[14 + any(3)] : paths[any(PATHS)];
}

static unsigned rounds(unsigned usual)
{
	const char *text = getenv("ROUNDS");

	return text ? (unsigned)strtoul(text, NULL, 10) : usual;
}

static void seed(void)
{
	const char *text = getenv("SEED");

	state = text ? strtoull(text, NULL, 10) : (uint64_t)getpid() * 2654435761U + 1;
	print_message("SEED=%llu\n", (unsigned long long)state);
}

/* Closes the one before: there are never more than some. */
static void listen_at(const char *path)
{
	static int kept[4] = { -1, -1, -1, -1 };
	static size_t turn;
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (kept[turn % 4] >= 0)
		(void)close(kept[turn % 4]);
	kept[turn++ % 4] = fd;
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		(void)listen(fd, 1);
}

/* Renames where nothing is mounted: what is a mount point here can be renamed there. */
static void rename_elsewhere(const char *from, const char *to)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		if (unshare(CLONE_NEWNS) == 0)
			while (umount2(from, MNT_DETACH) == 0)
				;
		(void)rename(from, to);
		_exit(0);
	}
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void make_world(void)
{
	static const char *const made[] = { W, W "/a", W "/a/c", W "/a/c/d", W "/b", W "/own",
		W "/own/x", W "/m", "/run/docker", "/run/docker/plugins" };

	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		(void)mkdir(made[i], 0700);
	(void)symlink("a", W "/link");
	(void)mknod(W "/file", S_IFREG | 0600, 0);
	listen_at("/run/docker.sock");
}

/* One change. What cannot be done is not. */
static const char *change(const char *a, const char *b)
{
	switch (any(15)) {
	case 0:
		return mkdir(a, 0700), "mkdir";
	case 1:
		return rmdir(a), "rmdir";
	case 2:
	case 3:
	case 4:
		return rename(a, b), "rename";
	case 5:
	case 6:
		return mount(a, b, NULL, MS_BIND | (any(2) ? MS_REC : 0), NULL), "bind";
	case 7:
		return umount2(a, MNT_DETACH), "umount";
	case 8:
		return mount(a, b, NULL, MS_MOVE, NULL), "move";
	case 9:
		return mount("dsp", a, "tmpfs", 0, "size=64k"), "tmpfs";
	case 10:
		return unlink(a), symlink(b, a), "symlink";
	case 11:
		return unlink(a), listen_at(a), "listen";
	case 12:
		return rename_elsewhere(a, b), "rename elsewhere";
	case 13:
		return unlink(a), link(b, a), "link";
	default:
		make_world();
		return "make world";
	}
}

/* --- look-ups ----------------------------------------------------------------------------------*/

/* Of some paths, or one: a source that shows that the view is old has it read again. */
static struct mount_lookup *lookup_of(unsigned first, unsigned count, bool all_mounts)
{
	struct mount_lookup *l = mount_lookup_new(SPAN(W "/own"), getpid());
	struct err e;

	assert_non_null(l);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(mount_lookup_add(l, span_of(paths[(first + i) % PATHS]), &e), 0);
	if (all_mounts)
		mount_lookup_set_all_mounts(l);
	return l;
}

/* All that is known, but what is mounted below, as a text. */
static const char *describe(const struct mount_info *m, bool all_mounts)
{
	static char texts[2][700];
	static size_t turn;
	char *text = texts[turn++ % 2];

	(void)snprintf(text, sizeof(texts[0]), "%d%d%d%d%d%d%d %d %s %s %llu:%llu", m->visible,
		m->socket, m->dsp_file, m->device, m->unknown, m->maybe_socket,
		all_mounts && m->holds_mounts, m->node, m->path, m->place,
		(unsigned long long)m->file_system, (unsigned long long)m->inode);
	return text;
}

static void compare_found(const struct mount_lookup *kept, const struct mount_lookup *read,
	bool all_mounts, const char *what)
{
	for (size_t i = 0; i < PATHS; i++) {
		const struct mount_info *k = mount_lookup_find(kept, span_of(paths[i]));
		const struct mount_info *r = mount_lookup_find(read, span_of(paths[i]));
		const char *was;
		const char *is;

		if (!r && !k)
			continue;
		if (!k || !r)
			fail_msg("after %s: no answer for %s", what, paths[i]);
		was = describe(k, all_mounts);
		is = describe(r, all_mounts);
		if (strcmp(was, is) != 0)
			fail_msg("after %s: %s is %s, and was kept as %s", what, paths[i], is, was);
	}
}

/* Whether the view was kept. */
static bool look(struct host_view **view, int mounts, const char *what)
{
	bool all_mounts = any(4) == 0;
	const struct host_view *before = *view;
	unsigned first = any(PATHS);
	unsigned count = any(4) ? 1 : PATHS;
	struct mount_lookup *kept = lookup_of(first, count, all_mounts);
	struct mount_lookup *read = lookup_of(first, count, all_mounts);
	struct host_tables tables;

	assert_int_equal(host_tables_read(getpid(), &tables), 0);
	(void)close(tables.mounts);
	tables.mounts = mounts;
	mount_lookup_end(kept, mount_lookup_inspect(kept, &tables, view, NULL, NULL));
	mount_lookup_run(read);
	assert_non_null(mount_lookup_find(read, span_of(paths[first])));
	compare_found(kept, read, all_mounts, what);
	mem_free((void *)(uintptr_t)tables.sockets.s);
	mount_lookup_release(kept);
	mount_lookup_release(read);
	return before && before == *view;
}

static bool has_mounts(void)
{
	return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
		mount("dsp", "/run", "tmpfs", 0, NULL) == 0;
}

/* In a child: random changes, one or two before each look-up. */
static int changes_are_seen(void)
{
	struct host_view *view = NULL;
	char what[400] = "nothing";
	unsigned renewed = 0;
	int mounts;

	MUST(has_mounts());
	make_world();
	mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	MUST(mounts >= 0);
	for (unsigned i = 0; i < rounds(150); i++) {
		/* Not all may hide behind mounts, nor be gone. */
		if (i % 10 == 0) {
			while (umount2("/run", MNT_DETACH) == 0)
				;
			MUST(mount("dsp", "/run", "tmpfs", 0, NULL) == 0);
			make_world();
			(void)mount(
				any(2) ? "/run" : "/run/docker", any_path(), NULL, MS_BIND, NULL);
			(void)snprintf(what, sizeof(what), "round %u: all new", i);
		}
		/* The first one reads all, the next one begins to watch. */
		for (unsigned n = any(4); n > 0; n--)
			(void)look(&view, mounts, what);
		for (unsigned n = 1 + any(2); n > 0; n--) {
			const char *a = any_path();
			const char *b = any_path();
			const char *done = change(a, b);

			(void)snprintf(what, sizeof(what), "round %u: %s %s %s", i, done, a, b);
		}
		renewed += look(&view, mounts, what);
	}
	/* Not all that changes has to do with what is kept; most does. */
	(void)printf("# kept after a change: %u of %u\n", renewed, rounds(150));
	(void)fflush(stdout);
	host_view_free(view);
	return 0;
}

/* --- one change each ---------------------------------------------------------------------------*/

/* What is there before, what changes, and which source shows it. An argument may be NULL. */
static const struct scenario {
	const char *name;
	const char *bound[2]; /* the first is mounted on the second, before */
	const char *from;     /* renamed to, or made a link to, or mounted on to */
	const char *to;
	enum { RENAMES, LINKS, BINDS, UNMOUNTS } does;
	const char *source;
	bool all_mounts;
} scenarios[] = {
	{ "a socket's directory is mounted below", { NULL, NULL }, "/run/docker", W "/a/c", BINDS,
		W "/a", false },
	{ "and unmounted", { "/run/docker", W "/a/c" }, W "/a/c", NULL, UNMOUNTS, W "/a", false },
	{ "a directory above such a mount is renamed", { "/run/docker", W "/a/c/d" }, W "/a/c",
		W "/b/c", RENAMES, W "/b", false },
	{ "a directory that is mounted for plugins is renamed", { W "/x", "/run/docker" }, W "/x",
		W "/b/x", RENAMES, W "/b", false },
	{ "what a source is mounted from is renamed", { W "/a", W "/m" }, W "/a", W "/b/a", RENAMES,
		W "/m", false },
	{ "where a source is mounted is renamed", { W "/b", W "/a/c" }, W "/a", W "/y", RENAMES,
		W "/y/c", false },
	{ "a mount comes below a source by a rename", { W "/m", W "/a/c/d" }, W "/a/c", W "/b/c",
		RENAMES, W "/b", true },
	{ "dsp's directory becomes a link", { NULL, NULL }, W "/own", W "/b", LINKS, W "/b",
		false },
	{ "a link to dsp's directory leads elsewhere", { NULL, W "/own" }, W "/own", W "/b", LINKS,
		W "/b", false },
	{ "a socket moves", { NULL, NULL }, "/run/docker.sock", W "/b/docker.sock", RENAMES,
		"/run/docker.sock", false },
	{ "Docker's directory goes", { NULL, NULL }, "/run/docker", W "/b/old", RENAMES,
		"/run/docker", false },
	{ "dsp's directory comes back by another name", { NULL, NULL }, W "/own", W "/b/own",
		RENAMES, W "/b/own", false },
};

static void set_scene(const struct scenario *s)
{
	while (umount2("/run", MNT_DETACH) == 0)
		;
	(void)mount("dsp", "/run", "tmpfs", 0, NULL);
	make_world();
	(void)mkdir(W "/x", 0700);
	(void)mkdir(W "/x/plugins", 0700);
	if (s->bound[0])
		(void)mount(s->bound[0], s->bound[1], NULL, MS_BIND, NULL);
	else if (s->bound[1])
		(void)(rename(s->bound[1], W "/was") || symlink(W "/a", s->bound[1]));
}

static int do_change(const struct scenario *s)
{
	switch (s->does) {
	case RENAMES:
		return rename(s->from, s->to);
	case LINKS:
		if (unlink(s->from) != 0 && rename(s->from, W "/away") != 0)
			return -1;
		return symlink(s->to, s->from);
	case BINDS:
		return mount(s->from, s->to, NULL, MS_BIND, NULL);
	case UNMOUNTS:
		break;
	}
	return umount2(s->from, MNT_DETACH);
}

/* Whether the kept view and a new one give the same answer; text: the one that is right. */
static bool same_answer(struct host_view **view, const struct host_tables *tables,
	const struct scenario *s, char text[700])
{
	struct mount_lookup *l[2];
	char texts[2][700];
	struct err e;

	for (size_t i = 0; i < 2; i++) {
		l[i] = mount_lookup_new(SPAN(W "/own"), 0);
		assert_non_null(l[i]);
		assert_int_equal(mount_lookup_add(l[i], span_of(s->source), &e), 0);
		if (s->all_mounts)
			mount_lookup_set_all_mounts(l[i]);
		if (i == 0)
			mount_lookup_end(
				l[i], mount_lookup_inspect(l[i], tables, view, NULL, NULL));
		else
			mount_lookup_run(l[i]);
		assert_non_null(mount_lookup_find(l[i], span_of(s->source)));
		(void)snprintf(texts[i], sizeof(texts[i]), "%s",
			describe(mount_lookup_find(l[i], span_of(s->source)), s->all_mounts));
		mount_lookup_release(l[i]);
	}
	memcpy(text, texts[1], sizeof(texts[1]));
	return strcmp(texts[0], texts[1]) == 0;
}

static int each_change_is_seen(void)
{
	struct host_view *view = NULL;
	struct host_tables tables = { .known = LISTENING_KNOWN };

	MUST(has_mounts());
	tables.mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		const struct scenario *s = &scenarios[i];
		char before[700];
		char after[700];

		set_scene(s);
		/* The second one keeps the view, and begins to watch; the third one only waits. */
		for (int n = 0; n < 3; n++)
			MUST(same_answer(&view, &tables, s, before));
		if (do_change(s) != 0)
			fail_msg("%s: %s", s->name, strerror(errno));
		if (!same_answer(&view, &tables, s, after))
			fail_msg("%s: it is not seen", s->name);
		/* A scenario that changes no answer would show nothing. */
		if (strcmp(before, after) == 0)
			fail_msg("%s: it changes nothing: %s", s->name, after);
	}
	host_view_free(view);
	return 0;
}

/* In a child: from here on there is no inotify, as where a user has all instances. */
static bool forbid_watching(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_inotify_init1, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EMFILE),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static int each_change_is_seen_without_events(void)
{
	MUST(forbid_watching());
	return each_change_is_seen();
}

/* Without a change the view is kept: that is what it is for. */
static int nothing_is_read_twice(void)
{
	struct host_view *view = NULL;
	struct host_tables tables;
	const struct host_view *first = NULL;

	MUST(has_mounts());
	make_world();
	MUST(mkdir(W "/bound", 0700) == 0 && mount(W "/a", W "/bound", NULL, MS_BIND, NULL) == 0);
	MUST(host_tables_read(getpid(), &tables) == 0);
	for (int i = 0; i < 3; i++) {
		struct mount_lookup *l = lookup_of(0, PATHS, false);
		int code = mount_lookup_inspect(l, &tables, &view, NULL, NULL);

		MUST(code == 0 && (!first || first == view));
		first = view;
		mount_lookup_release(l);
	}
	host_view_free(view);
	host_tables_free(&tables);
	return 0;
}

static void in_own_mounts(int (*what)(void))
{
	if (geteuid() != 0)
		skip();
	seed();
	in_child(what, 3000);
}

static void changes(void **unused)
{
	(void)unused;
	in_own_mounts(changes_are_seen);
}

static void each(void **unused)
{
	(void)unused;
	in_own_mounts(each_change_is_seen);
}

static void each_without_events(void **unused)
{
	(void)unused;
	in_own_mounts(each_change_is_seen_without_events);
}

static void kept(void **unused)
{
	(void)unused;
	in_own_mounts(nothing_is_read_twice);
}

/* --- a dockerd that restarts -------------------------------------------------------------------*/

static char top[] = "/tmp/dsp-view.XXXXXX";

/* A process that listens at top/name; it has this process id, if that can be; 0: any. */
static pid_t start_docker(const char *name, pid_t pid)
{
	struct clone_args how = { .exit_signal = SIGCHLD,
		.set_tid = (uint64_t)(uintptr_t)&pid,
		.set_tid_size = pid > 0 };
	int pair[2];
	char byte;
	pid_t child;

	assert_int_equal(pipe(pair), 0);
	child = (pid_t)syscall(SYS_clone3, &how, sizeof(how));
	/* Not each kernel gives a process a number. */
	if (child < 0)
		child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		char path[200];

		(void)snprintf(path, sizeof(path), "%s/%s", top, name);
		(void)unlink(path);
		listen_at(path);
		(void)!write(pair[1], "x", 1);
		(void)pause();
		_exit(0);
	}
	(void)close(pair[1]);
	assert_int_equal(read(pair[0], &byte, 1), 1);
	(void)close(pair[0]);
	return child;
}

static bool listens_at(pid_t docker, const char *name)
{
	struct host_tables t;
	char path[200];
	struct span rest;
	bool found = false;

	(void)snprintf(path, sizeof(path), "%s/%s", top, name);
	assert_int_equal(host_tables_recall(docker, &t), 0);
	rest = t.sockets;
	while (rest.n > 0)
		found = span_equal(span_cut(&rest, '\0'), span_of(path)) || found;
	host_tables_free(&t);
	return found;
}

static void restarted(void **unused)
{
	char path[200];
	pid_t pid = 0;

	(void)unused;
	if (geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(top));
	for (unsigned i = 0; i < rounds(30); i++) {
		const char *now = i % 2 ? "odd" : "even";
		const char *then = i % 2 ? "even" : "odd";

		pid = start_docker(now, pid);
		for (int again = 0; again < 2; again++) {
			assert_true(listens_at(pid, now));
			assert_false(listens_at(pid, then));
		}
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
	(void)snprintf(path, sizeof(path), "%s/odd", top);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/even", top);
	(void)unlink(path);
	assert_int_equal(rmdir(top), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept),
		cmocka_unit_test(each),
		cmocka_unit_test(each_without_events),
		cmocka_unit_test(changes),
		cmocka_unit_test(restarted),
	};

	return cmocka_run_group_tests_name("host_view", tests, NULL, NULL);
}
