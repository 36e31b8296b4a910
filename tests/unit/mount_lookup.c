/*
 * Mount sources as the kernel sees them: links, hard links, mounts, what is not there. Where this
 * may have mounts of its own, /run is an empty one, with Docker's sockets in it.
 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/auto_fs.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "dsp/host/mount_lookup.h"

static char top[] = "/tmp/dsp-resolve.XXXXXX";
static bool mounts; /* we have mounts of our own */

/* A path below top; static, of four in turn. */
static const char *place(const char *name)
{
	static char paths[4][300];
	static size_t turn;
	char *path = paths[turn++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s%s", top, name);
	return path;
}

static void make_directory(const char *path)
{
	assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
}

static void make_file(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	(void)close(fd);
}

static void link_to(const char *target, const char *path)
{
	assert_int_equal(symlink(target, path), 0);
}

static int make_socket(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void bind_mount(const char *from, const char *to)
{
	assert_int_equal(mount(from, to, NULL, MS_BIND, NULL), 0);
}

static struct mount_info look_for(const char *source, pid_t docker)
{
	struct mount_lookup *l = mount_lookup_new(span_of(place("/own")), docker);
	const struct mount_info *seen;
	struct mount_info ret;
	struct err e;

	assert_non_null(l);
	assert_int_equal(mount_lookup_add(l, span_of(source), &e), 0);
	assert_null(mount_lookup_find(l, span_of(source)));
	mount_lookup_run(l);
	seen = mount_lookup_find(l, span_of(source));
	assert_non_null(seen);
	ret = *seen;
	mount_lookup_release(l);
	return ret;
}

/* what: of "seen socket own device" those that hold, by their first letters. */
static void is(const char *source, const char *what, const char *path)
{
	struct mount_info s = look_for(source, 0);
	char got[8];

	(void)snprintf(got, sizeof(got), "%s%s%s%s", s.visible ? "s" : "", s.socket ? "k" : "",
		s.dsp_file ? "o" : "", s.device ? "d" : "");
	if (strcmp(got, what) != 0 || (path && strcmp(s.path, path) != 0))
		fail_msg("%s is \"%s\" %s, not \"%s\" %s", source, got, s.path, what, path);
}

/* Our own program, wherever it is installed, and under another name. */
static void own_program(void **state)
{
	char path[512];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *name;

	(void)state;
	assert_true(n > 0);
	path[n] = '\0';
	is(path, "so", path);
	link_to(path, place("/plain/program"));
	is(place("/plain/program"), "so", path);
	assert_int_equal(unlink(place("/plain/program")), 0);
	name = strrchr(path, '/');
	*name = '\0';
	is(path, "s", path);
}

static int set_up(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(top));
	mounts = unshare(CLONE_NEWNS) == 0 &&
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
		mount("dsp", "/run", "tmpfs", 0, NULL) == 0;
	make_directory(place("/own"));
	make_directory(place("/own/below"));
	make_file(place("/own/below/file"));
	make_directory(place("/plain"));
	make_file(place("/plain/file"));
	if (!mounts)
		return 0;
	make_directory("/run/docker");
	make_directory("/run/docker/plugins");
	make_directory("/run/containerd");
	make_directory("/run/other");
	(void)make_socket("/run/docker.sock");
	(void)make_socket("/run/containerd/containerd.sock");
	(void)make_socket("/run/other/other.sock");
	return 0;
}

static int tear_down(void **state)
{
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		(void)execlp("rm", "rm", "-rf", "--one-file-system", top, NULL);
		_exit(1);
	}
	return waitpid(child, NULL, 0) == child ? 0 : -1;
}

static void plain(void **state)
{
	(void)state;
	is(place("/plain"), "s", place("/plain"));
	is(place("//plain/./"), "s", place("/plain"));
	is(place("/plain/file"), "s", place("/plain/file"));
	is(place("/plain/file/"), "s", place("/plain/file"));
	is("/", "sk", "/");
	is("//", "sk", "/");
	is("/.", "sk", "/");
	is("/..", "sk", "/");
	is("/tmp", "s", "/tmp");
}

static void relative(void **state)
{
	(void)state;
	is("tmp", "", "/tmp");
	is("", "k", "/");
	is(".", "k", "/");
	is("dev/null", "d", "/dev/null");
}

static void links(void **state)
{
	(void)state;
	link_to("plain", place("/to-plain"));
	link_to("/", place("/to-root"));
	link_to(place("/to-root"), place("/to-to-root"));
	link_to("loop", place("/loop"));
	link_to("own/below", place("/to-own"));
	is(place("/to-plain"), "s", place("/plain"));
	is(place("/to-plain/file"), "s", place("/plain/file"));
	is(place("/to-root"), "sk", "/");
	is(place("/to-to-root/tmp"), "s", "/tmp");
	is(place("/to-own"), "so", place("/own/below"));
	is(place("/loop"), "", place("/loop"));
	is(place("/loop/x"), "", place("/loop/x"));
}

static void own(void **state)
{
	(void)state;
	is(place("/own"), "so", place("/own"));
	is(place("/own/below/file"), "so", place("/own/below/file"));
	is(place("/own/not/there"), "o", place("/own/not/there"));
	is(place(""), "s", top);
	is("/etc/dsp/x", "o", "/etc/dsp/x");
	is("/etc", "s", "/etc");
}

/* Up from a link is another place to the kernel than as text: both count, neither is seen. */
static void up(void **state)
{
	(void)state;
	link_to("own/below", place("/plain/up"));
	make_directory(place("/plain/own"));
	make_directory(place("/plain/own/below"));
	assert_int_equal(unlink(place("/plain/up")), 0);
	link_to("../own/below", place("/plain/up"));
	is(place("/plain/up/../file"), "o", place("/own/file"));
	is(place("/plain/../plain/file"), "s", place("/plain/file"));
	is(place("/own/../plain"), "s", place("/plain"));
	is(place("/none/../plain"), "", place("/plain"));
}

static void not_there(void **state)
{
	(void)state;
	link_to(place("/own/new"), place("/to-new"));
	link_to("to-new/more", place("/to-to-new"));
	link_to("/run/docker.sock.d/../docker.sock", place("/to-run"));
	is(place("/none"), "", place("/none"));
	is(place("/none/at/all"), "", place("/none/at/all"));
	is(place("/plain/file/x"), "", place("/plain/file/x"));
	is(place("/to-plain/none"), "", place("/plain/none"));
	is(place("/to-new"), "o", place("/own/new"));
	is(place("/to-new/x"), "o", place("/own/new/x"));
	is(place("/to-to-new"), "o", place("/own/new/more"));
	is(place("/to-run"), "k", "/run/docker.sock");
	is("/var/run/docker.sock.none", "", NULL);
	is("/run/docker/containerd/containerd.sock", "k", NULL);
}

/* The look-up fails: the request is unreadable, with these words. */
static void fails(const char *source, const char *words)
{
	struct mount_lookup *l = mount_lookup_new(span_of(place("/own")), 0);
	struct facts facts = { .reading = READING_EXACT };
	struct err e;

	assert_non_null(l);
	assert_int_equal(mount_lookup_add(l, span_of(source), &e), 0);
	mount_lookup_run(l);
	assert_null(mount_lookup_find(l, span_of(source)));
	mount_lookup_attach(l, &facts);
	assert_int_equal(facts.reading, READING_UNREADABLE);
	assert_non_null(strstr(facts.doubt.text, words));
	mount_lookup_release(l);
}

static void long_ones(void **state)
{
	enum { LONG = 100000 };
	char *text = malloc(LONG + 1);
	char name[NAME_MAX + 3];

	(void)state;
	assert_non_null(text);
	memset(text, 'x', LONG);
	text[0] = '/';
	text[LONG] = '\0';
	fails(text, "\": File name too long");
	/* Not even of one byte too much the beginning counts. */
	(void)snprintf(name, sizeof(name), "/%0*d", NAME_MAX, 0);
	make_directory(place(name));
	is(place(name), "s", NULL);
	(void)snprintf(name, sizeof(name), "/%0*d", NAME_MAX + 1, 0);
	fails(place(name), "\": File name too long");
	for (size_t i = 0; i < LONG; i += 2)
		text[i] = '/';
	fails(text, "\": File name too long");
	text[PATH_MAX - 1] = '\0';
	is(text, "", NULL);
	text[PATH_MAX - 1] = text[PATH_MAX] = 'x';
	for (size_t i = 0; i < LONG; i++)
		text[i] = i % 3 == 0 ? '/' : '.';
	text[LONG - 1] = 'x';
	fails(text, "\": File name too long");
	text[PATH_MAX - 1] = '\0';
	is(text, "sk", "/");
	free(text);
}

static void magic(void **state)
{
	char text[100];
	int fd = open(place("/own"), O_PATH | O_CLOEXEC);

	(void)state;
	is("/proc/self/root", "k", "/");
	is("/proc/thread-self/root/proc/self/root", "k", "/");
	is("/proc/1/root", "ko", "/proc/1/root");
	is("/proc/self/none", "ko", NULL);
	is("/proc/self/root/tmp", "", "/tmp");
	/* dockerd's working directory and descriptors are others: they lead anywhere. */
	is("/proc/self/cwd", "ko", "/proc/self/cwd");
	is("/proc/thread-self/cwd/none/at/all", "ko", NULL);
	is("/proc/self/status", "", NULL);
	is("/proc/self", "", NULL);
	is("/proc/cpuinfo", "s", "/proc/cpuinfo");
	link_to("/proc/self/root", place("/to-magic"));
	is(place("/to-magic/tmp"), "ko", place("/to-magic/tmp"));
	(void)snprintf(text, sizeof(text), "/proc/self/fd/%d", fd);
	is(text, "ko", text);
	(void)snprintf(text, sizeof(text), "/proc/%d/fd/%d/below", (int)getpid(), fd);
	is(text, "ko", text);
	(void)snprintf(text, sizeof(text), "/dev/fd/%d", fd);
	is(text, "ko", text);
	(void)close(fd);
}

static void devices(void **state)
{
	(void)state;
	is("/dev", "sd", "/dev");
	is("/dev/null", "sd", "/dev/null");
	is("/dev/none", "d", "/dev/none");
	link_to("/dev/zero", place("/to-zero"));
	is(place("/to-zero"), "sd", "/dev/zero");
	if (mounts && mknod(place("/node"), S_IFBLK | 0600, 0x700) == 0)
		is(place("/node"), "sd", place("/node"));
}

static void sockets(void **state)
{
	(void)state;
	if (!mounts)
		skip();
	is("/run/docker.sock", "sk", "/run/docker.sock");
	is("/var/run/docker.sock", "sk", "/run/docker.sock");
	is("/run", "sk", "/run");
	is("/run/docker", "sk", "/run/docker");
	is("/run/docker/plugins", "sko", "/run/docker/plugins");
	is("/run/containerd/containerd.sock", "sk", NULL);
	(void)make_socket("/run/containerd/other.sock");
	link_to("/run/containerd/none", place("/to-containerd"));
	is("/run/containerd", "sk", NULL);
	is("/run/containerd/other.sock", "sk", NULL);
	is(place("/to-containerd"), "k", NULL);
	is("/run/other", "s", "/run/other");
	is("/run/other/other.sock", "s", NULL);
	assert_int_equal(link("/run/docker.sock", "/run/other/hard"), 0);
	is("/run/other/hard", "sk", "/run/other/hard");
	assert_int_equal(unlink("/run/other/hard"), 0);
	link_to("/run/docker.sock", place("/to-socket"));
	is(place("/to-socket"), "sk", "/run/docker.sock");
}

static void mounted(void **state)
{
	(void)state;
	if (!mounts)
		skip();
	make_directory(place("/m"));
	make_directory(place("/m/run"));
	make_directory(place("/m/own"));
	make_directory(place("/m/tmpfs"));
	make_file(place("/m/sock"));
	make_file(place("/m/file"));
	is(place("/m"), "s", place("/m"));
	bind_mount("/run/docker.sock", place("/m/sock"));
	is(place("/m/sock"), "sk", place("/m/sock"));
	is(place("/m"), "sk", place("/m"));
	assert_int_equal(umount(place("/m/sock")), 0);
	is(place("/m"), "s", place("/m"));
	bind_mount("/run", place("/m/run"));
	is(place("/m/run"), "sk", place("/m/run"));
	is(place("/m/run/docker.sock"), "sk", place("/m/run/docker.sock"));
	is(place("/m/run/docker"), "sk", NULL);
	is(place("/m/run/other"), "s", NULL);
	is(place("/m"), "sk", place("/m"));
	assert_int_equal(umount(place("/m/run")), 0);
	bind_mount("/run/other", place("/m/run"));
	is(place("/m"), "s", place("/m"));
	assert_int_equal(umount(place("/m/run")), 0);
	bind_mount(place("/own/below"), place("/m/own"));
	is(place("/m/own"), "so", place("/m/own"));
	is(place("/m/own/file"), "so", place("/m/own/file"));
	is(place("/m/own/new/x"), "o", place("/m/own/new/x"));
	is(place("/m"), "s", place("/m"));
	assert_int_equal(umount(place("/m/own")), 0);
	bind_mount(place("/own/below/file"), place("/m/file"));
	is(place("/m/file"), "so", place("/m/file"));
	assert_int_equal(umount(place("/m/file")), 0);
	assert_int_equal(mount("dsp", place("/m/tmpfs"), "tmpfs", 0, NULL), 0);
	make_directory(place("/m/tmpfs/own"));
	is(place("/m/tmpfs/own"), "s", NULL);
	assert_int_equal(umount(place("/m/tmpfs")), 0);
}

/* One thing under two names, and what is mounted below. */
static void same_things(void **state)
{
	struct mount_info a;
	struct mount_info b;

	(void)state;
	make_directory(place("/t"));
	make_directory(place("/t/a"));
	make_directory(place("/t/b"));
	make_file(place("/t/a/file"));
	assert_int_equal(link(place("/t/a/file"), place("/t/hard")), 0);
	a = look_for(place("/t/a/file"), 0);
	b = look_for(place("/t/hard"), 0);
	assert_true(a.inode != 0 && a.inode == b.inode && a.file_system == b.file_system);
	assert_true(a.place[0] != '\0' && strcmp(a.place, b.place) != 0);
	assert_int_equal(unlink(place("/t/hard")), 0);
	b = look_for(place("/t/missing"), 0);
	assert_true(b.inode == 0 && !b.unknown && !b.visible);
	assert_true(look_for("relative", 0).unknown);
	assert_true(look_for("/proc/self/cwd/x", 0).unknown);
}

/* A thing by two paths, where a mount makes the second: the same place. */
static void same_places(void **state)
{
	struct mount_info a;
	struct mount_info b;

	(void)state;
	if (!mounts)
		skip();
	assert_false(look_for(place("/t"), 0).holds_mounts);
	bind_mount(place("/t/a"), place("/t/b"));
	a = look_for(place("/t/a/file"), 0);
	b = look_for(place("/t/b/file"), 0);
	assert_string_equal(a.place, b.place);
	assert_true(strcmp(a.path, b.path) != 0);
	assert_true(look_for(place("/t"), 0).holds_mounts);
	assert_false(look_for(place("/t/b"), 0).holds_mounts);
	assert_int_equal(umount(place("/t/b")), 0);
}

/* The place of a mount with a space in its name is found all the same. */
static void odd_names(void **state)
{
	(void)state;
	if (!mounts)
		skip();
	make_directory(place("/a b\\\n"));
	bind_mount(place("/own/below"), place("/a b\\\n"));
	is(place("/a b\\\n/file"), "so", place("/a b\\\n/file"));
	assert_int_equal(umount(place("/a b\\\n")), 0);
}

static void listens(void **state)
{
	int fd = make_socket(place("/plain/any.sock"));

	(void)state;
	assert_false(look_for(place("/plain/any.sock"), 0).socket);
	assert_true(look_for(place("/plain/any.sock"), getpid()).socket);
	assert_true(look_for(place("/plain"), getpid()).socket);
	assert_true(look_for(place(""), getpid()).socket);
	assert_false(look_for(place("/own"), getpid()).socket);
	assert_false(look_for(place("/plain"), 0x7ffffffe).socket);
	(void)close(fd);
	assert_false(look_for(place("/plain"), getpid()).socket);
}

static void many(void **state)
{
	struct mount_lookup *l = mount_lookup_new(span_of(place("/own")), 0);
	char text[400];
	struct err e;

	(void)state;
	assert_non_null(l);
	for (int i = 0; i < 3 * LOOKUP_SOURCES_MOST; i++) {
		/* Neither in order nor all of one length. */
		(void)snprintf(text, sizeof(text), "/tmp/%d", i * 77 % LOOKUP_SOURCES_MOST);
		assert_int_equal(mount_lookup_add(l, span_of(text), &e), 0);
	}
	assert_int_equal(mount_lookup_add(l, SPAN("/one/more"), &e), -1);
	mount_lookup_hold(l);
	mount_lookup_run(l);
	mount_lookup_release(l);
	assert_string_equal(mount_lookup_first(l).s, "/tmp/0");
	for (int i = 0; i < LOOKUP_SOURCES_MOST; i++) {
		(void)snprintf(text, sizeof(text), "/tmp/%d", i);
		assert_string_equal(mount_lookup_find(l, span_of(text))->path, text);
	}
	assert_null(mount_lookup_find(l, SPAN("/one/more")));
	mount_lookup_release(l);
}

/* --- what is mounted when somebody enters it ---------------------------------------------------*/

/* The daemon of autofs: mounts at this directory a file system with a link in it, or refuses. */
static _Noreturn void serve_autofs(const char *name, int requests, bool refuses)
{
	struct autofs_v5_packet packet;
	char go;
	int directory;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* Its mount is there. */
	if (read(requests, &go, 1) != 1)
		_exit(1);
	directory = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (read(requests, &packet, sizeof(packet)) > 0) {
		bool done = !refuses && mount("dsp", name, "tmpfs", 0, NULL) == 0 &&
			chdir(name) == 0 && symlink("/run/docker.sock", "link") == 0 &&
			chdir("/") == 0;

		(void)ioctl(directory, done ? AUTOFS_IOC_READY : AUTOFS_IOC_FAIL,
			packet.wait_queue_token);
	}
	_exit(0);
}

/* Mounts autofs there, whose daemon is a group of processes of its own. 0: this kernel has none. */
static pid_t mount_autofs(const char *name, bool refuses)
{
	char options[100];
	int requests[2];
	pid_t daemon;
	bool mounted_it;

	assert_int_equal(pipe2(requests, O_CLOEXEC), 0);
	daemon = fork();
	if (daemon == 0) {
		(void)close(requests[1]);
		serve_autofs(name, requests[0], refuses);
	}
	assert_true(daemon > 0 && setpgid(daemon, daemon) == 0);
	(void)snprintf(options, sizeof(options), "fd=%d,pgrp=%d,minproto=5,maxproto=5,direct",
		requests[1], (int)daemon);
	mounted_it = mount("dsp", name, "autofs", 0, options) == 0;
	assert_int_equal(write(requests[1], "", mounted_it), mounted_it);
	(void)close(requests[0]);
	(void)close(requests[1]);
	if (mounted_it)
		return daemon;
	assert_int_equal(waitpid(daemon, NULL, 0), daemon);
	return 0;
}

static void unmount_autofs(const char *name, pid_t daemon)
{
	while (umount2(name, MNT_DETACH) == 0)
		;
	(void)kill(daemon, SIGKILL);
	assert_int_equal(waitpid(daemon, NULL, 0), daemon);
}

/* A link is found in what is mounted when it is entered; without that nothing is known. */
static void automounted(void **state)
{
	char path[300];
	char link[310];
	pid_t daemon;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s", place("/automatic"));
	(void)snprintf(link, sizeof(link), "%s/link", path);
	make_directory(path);
	daemon = mounts ? mount_autofs(path, false) : 0;
	if (daemon == 0)
		skip();
	is(link, "sk", "/run/docker.sock");
	is(path, "s", path);
	unmount_autofs(path, daemon);
	daemon = mount_autofs(path, true);
	fails(link, "\": Input/output error");
	fails(path, "\": Input/output error");
	unmount_autofs(path, daemon);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),
		cmocka_unit_test(relative),
		cmocka_unit_test(links),
		cmocka_unit_test(own),
		cmocka_unit_test(own_program),
		cmocka_unit_test(up),
		cmocka_unit_test(not_there),
		cmocka_unit_test(long_ones),
		cmocka_unit_test(magic),
		cmocka_unit_test(devices),
		cmocka_unit_test(sockets),
		cmocka_unit_test(mounted),
		cmocka_unit_test(automounted),
		cmocka_unit_test(same_things),
		cmocka_unit_test(same_places),
		cmocka_unit_test(odd_names),
		cmocka_unit_test(listens),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests_name("mount_lookup", tests, set_up, tear_down);
}
