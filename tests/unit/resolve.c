/*
 * Mount sources as the kernel sees them: links, hard links, mounts, what is not there. Where this
 * may have mounts of its own, /run is an empty one, with Docker's sockets in it.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dsp/resolve.h"

static char top[] = "/tmp/dsp-resolve.XXXXXX";
static bool mounts; /* we have mounts of our own */

/* A path below top; static, of four in turn. */
static const char *at(const char *name)
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

static struct sight look_for(const char *source, pid_t docker)
{
	struct lookup *l = lookup_new(span_of(at("/own")), docker);
	const struct sight *seen;
	struct sight ret;
	struct err e;

	assert_non_null(l);
	assert_int_equal(lookup_add(l, span_of(source), &e), 0);
	assert_null(lookup_sight(l, span_of(source)));
	lookup_run(l);
	seen = lookup_sight(l, span_of(source));
	assert_non_null(seen);
	ret = *seen;
	lookup_release(l);
	return ret;
}

/* what: of "seen socket own device" those that hold, by their first letters. */
static void is(const char *source, const char *what, const char *path)
{
	struct sight s = look_for(source, 0);
	char got[8];

	(void)snprintf(got, sizeof(got), "%s%s%s%s", s.seen ? "s" : "", s.socket ? "k" : "",
		s.own ? "o" : "", s.device ? "d" : "");
	if (strcmp(got, what) != 0 || (path && strcmp(s.path, path) != 0))
		fail_msg("%s is \"%s\" %s, not \"%s\" %s", source, got, s.path, what, path);
}

static int set_up(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(top));
	mounts = unshare(CLONE_NEWNS) == 0 &&
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
		mount("dsp", "/run", "tmpfs", 0, NULL) == 0;
	make_directory(at("/own"));
	make_directory(at("/own/below"));
	make_file(at("/own/below/file"));
	make_directory(at("/plain"));
	make_file(at("/plain/file"));
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
	is(at("/plain"), "s", at("/plain"));
	is(at("//plain/./"), "s", at("/plain"));
	is(at("/plain/file"), "s", at("/plain/file"));
	is(at("/plain/file/"), "s", at("/plain/file"));
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
	link_to("plain", at("/to-plain"));
	link_to("/", at("/to-root"));
	link_to(at("/to-root"), at("/to-to-root"));
	link_to("loop", at("/loop"));
	link_to("own/below", at("/to-own"));
	is(at("/to-plain"), "s", at("/plain"));
	is(at("/to-plain/file"), "s", at("/plain/file"));
	is(at("/to-root"), "sk", "/");
	is(at("/to-to-root/tmp"), "s", "/tmp");
	is(at("/to-own"), "so", at("/own/below"));
	is(at("/loop"), "", at("/loop"));
	is(at("/loop/x"), "", at("/loop/x"));
}

static void own(void **state)
{
	(void)state;
	is(at("/own"), "so", at("/own"));
	is(at("/own/below/file"), "so", at("/own/below/file"));
	is(at("/own/not/there"), "o", at("/own/not/there"));
	is(at(""), "s", top);
	is("/etc/dsp/x", "o", "/etc/dsp/x");
	is("/etc", "s", "/etc");
}

/* Up from a link is another place to the kernel than as text: both count, neither is seen. */
static void up(void **state)
{
	(void)state;
	link_to("own/below", at("/plain/up"));
	make_directory(at("/plain/own"));
	make_directory(at("/plain/own/below"));
	assert_int_equal(unlink(at("/plain/up")), 0);
	link_to("../own/below", at("/plain/up"));
	is(at("/plain/up/../file"), "o", at("/own/file"));
	is(at("/plain/../plain/file"), "s", at("/plain/file"));
	is(at("/own/../plain"), "s", at("/plain"));
	is(at("/none/../plain"), "", at("/plain"));
}

static void not_there(void **state)
{
	(void)state;
	link_to(at("/own/new"), at("/to-new"));
	link_to("to-new/more", at("/to-to-new"));
	link_to("/run/docker.sock.d/../docker.sock", at("/to-run"));
	is(at("/none"), "", at("/none"));
	is(at("/none/at/all"), "", at("/none/at/all"));
	is(at("/plain/file/x"), "", at("/plain/file/x"));
	is(at("/to-plain/none"), "", at("/plain/none"));
	is(at("/to-new"), "o", at("/own/new"));
	is(at("/to-new/x"), "o", at("/own/new/x"));
	is(at("/to-to-new"), "o", at("/own/new/more"));
	is(at("/to-run"), "k", "/run/docker.sock");
	is("/var/run/docker.sock.none", "", NULL);
	is("/run/docker/containerd/containerd.sock", "ko", NULL);
}

static void long_ones(void **state)
{
	enum { LONG = 100000 };
	char *text = malloc(LONG + 1);

	(void)state;
	assert_non_null(text);
	memset(text, 'x', LONG);
	text[0] = '/';
	text[LONG] = '\0';
	is(text, "", NULL);
	for (size_t i = 0; i < LONG; i += 2)
		text[i] = '/';
	is(text, "", NULL);
	for (size_t i = 0; i < LONG; i++)
		text[i] = i % 3 == 0 ? '/' : '.';
	text[LONG - 1] = 'x';
	is(text, "", NULL);
	free(text);
}

static void magic(void **state)
{
	char text[100];
	int fd = open(at("/own"), O_PATH | O_CLOEXEC);

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
	link_to("/proc/self/root", at("/to-magic"));
	is(at("/to-magic/tmp"), "ko", at("/to-magic/tmp"));
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
	link_to("/dev/zero", at("/to-zero"));
	is(at("/to-zero"), "sd", "/dev/zero");
	if (mounts && mknod(at("/node"), S_IFBLK | 0600, 0x700) == 0)
		is(at("/node"), "sd", at("/node"));
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
	is("/run/containerd/containerd.sock", "sko", NULL);
	is("/run/other", "s", "/run/other");
	is("/run/other/other.sock", "s", NULL);
	assert_int_equal(link("/run/docker.sock", "/run/other/hard"), 0);
	is("/run/other/hard", "sk", "/run/other/hard");
	assert_int_equal(unlink("/run/other/hard"), 0);
	link_to("/run/docker.sock", at("/to-socket"));
	is(at("/to-socket"), "sk", "/run/docker.sock");
}

static void mounted(void **state)
{
	(void)state;
	if (!mounts)
		skip();
	make_directory(at("/m"));
	make_directory(at("/m/run"));
	make_directory(at("/m/own"));
	make_directory(at("/m/tmpfs"));
	make_file(at("/m/sock"));
	make_file(at("/m/file"));
	is(at("/m"), "s", at("/m"));
	bind_mount("/run/docker.sock", at("/m/sock"));
	is(at("/m/sock"), "sk", at("/m/sock"));
	is(at("/m"), "sk", at("/m"));
	assert_int_equal(umount(at("/m/sock")), 0);
	is(at("/m"), "s", at("/m"));
	bind_mount("/run", at("/m/run"));
	is(at("/m/run"), "sk", at("/m/run"));
	is(at("/m/run/docker.sock"), "sk", at("/m/run/docker.sock"));
	is(at("/m/run/docker"), "sk", NULL);
	is(at("/m/run/other"), "s", NULL);
	is(at("/m"), "sk", at("/m"));
	assert_int_equal(umount(at("/m/run")), 0);
	bind_mount("/run/other", at("/m/run"));
	is(at("/m"), "s", at("/m"));
	assert_int_equal(umount(at("/m/run")), 0);
	bind_mount(at("/own/below"), at("/m/own"));
	is(at("/m/own"), "so", at("/m/own"));
	is(at("/m/own/file"), "so", at("/m/own/file"));
	is(at("/m/own/new/x"), "o", at("/m/own/new/x"));
	is(at("/m"), "s", at("/m"));
	assert_int_equal(umount(at("/m/own")), 0);
	bind_mount(at("/own/below/file"), at("/m/file"));
	is(at("/m/file"), "so", at("/m/file"));
	assert_int_equal(umount(at("/m/file")), 0);
	assert_int_equal(mount("dsp", at("/m/tmpfs"), "tmpfs", 0, NULL), 0);
	make_directory(at("/m/tmpfs/own"));
	is(at("/m/tmpfs/own"), "s", NULL);
	assert_int_equal(umount(at("/m/tmpfs")), 0);
}

/* The place of a mount with a space in its name is found all the same. */
static void odd_names(void **state)
{
	(void)state;
	if (!mounts)
		skip();
	make_directory(at("/a b\\\n"));
	bind_mount(at("/own/below"), at("/a b\\\n"));
	is(at("/a b\\\n/file"), "so", at("/a b\\\n/file"));
	assert_int_equal(umount(at("/a b\\\n")), 0);
}

static void listens(void **state)
{
	int fd = make_socket(at("/plain/any.sock"));

	(void)state;
	assert_false(look_for(at("/plain/any.sock"), 0).socket);
	assert_true(look_for(at("/plain/any.sock"), getpid()).socket);
	assert_true(look_for(at("/plain"), getpid()).socket);
	assert_true(look_for(at(""), getpid()).socket);
	assert_false(look_for(at("/own"), getpid()).socket);
	assert_false(look_for(at("/plain"), 0x7ffffffe).socket);
	(void)close(fd);
	assert_false(look_for(at("/plain"), getpid()).socket);
}

static void many(void **state)
{
	struct lookup *l = lookup_new(span_of(at("/own")), 0);
	char text[400];
	struct err e;

	(void)state;
	assert_non_null(l);
	for (int i = 0; i < 3 * LOOKUP_SOURCES_MOST; i++) {
		(void)snprintf(text, sizeof(text), "/tmp/%d", i % LOOKUP_SOURCES_MOST);
		assert_int_equal(lookup_add(l, span_of(text), &e), 0);
	}
	assert_int_equal(lookup_add(l, SPAN("/one/more"), &e), -1);
	lookup_hold(l);
	lookup_run(l);
	lookup_release(l);
	assert_string_equal(lookup_sight(l, SPAN("/tmp/77"))->path, "/tmp/77");
	assert_null(lookup_sight(l, SPAN("/one/more")));
	lookup_release(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),
		cmocka_unit_test(relative),
		cmocka_unit_test(links),
		cmocka_unit_test(own),
		cmocka_unit_test(up),
		cmocka_unit_test(not_there),
		cmocka_unit_test(long_ones),
		cmocka_unit_test(magic),
		cmocka_unit_test(devices),
		cmocka_unit_test(sockets),
		cmocka_unit_test(mounted),
		cmocka_unit_test(odd_names),
		cmocka_unit_test(listens),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests_name("resolve", tests, set_up, tear_down);
}
