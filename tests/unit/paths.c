/* Paths of the host as text. */
#include "unit.h"

#include "dsp/core/facts/paths.h"

#define PLUGINS SPAN("/run/docker/plugins")

static void cleans(const char *in, const char *want)
{
	size_t n = strlen(in);
	char *exact = exactly(in, n);
	char *out = exactly(NULL, n + 1);

	assert_int_equal(path_clean((struct span){ exact, n }, out), strlen(want));
	assert_memory_equal(out, want, strlen(want));
	free(out);
	free(exact);
}

static void clean(void **state)
{
	(void)state;
	cleans("", "/");
	cleans("/", "/");
	cleans(".", "/");
	cleans("..", "/");
	cleans("//", "/");
	cleans("/a", "/a");
	cleans("/a/", "/a");
	cleans("//a///b/./c/", "/a/b/c");
	cleans("/a/../b", "/b");
	cleans("/a/b/../../c", "/c");
	cleans("/../../a", "/a");
	cleans("/a/..", "/");
	cleans("/a/...", "/a/...");
	cleans("/..a/.b", "/..a/.b");
	cleans("/a/b/..", "/a");
}

static void never_longer(void **state)
{
	(void)state;
	for (size_t i = 0; i < 20000; i++) {
		size_t n = die(24);
		char *in = some_of("/./.ab", n);
		char *out = exactly(NULL, n + 1);
		size_t len = path_clean((struct span){ in, n }, out);
		struct span s = { out, len };

		assert_true(len >= 1 && len <= n + 1 && out[0] == '/');
		assert_true(len == 1 || out[len - 1] != '/');
		for (size_t at = 0; at + 1 < len; at++)
			assert_false(out[at] == '/' && out[at + 1] == '/');
		assert_false(span_ends(s, SPAN("/..")) || span_ends(s, SPAN("/.")));
		free(out);
		free(in);
	}
}

static void within(void **state)
{
	(void)state;
	assert_true(path_within(SPAN("/a"), SPAN("/a")));
	assert_true(path_within(SPAN("/a/b"), SPAN("/a")));
	assert_false(path_within(SPAN("/ab"), SPAN("/a")));
	assert_false(path_within(SPAN("/"), SPAN("/a")));
	assert_true(path_within(SPAN("/"), SPAN("/")));
	assert_true(path_within(SPAN("/a"), SPAN("/")));
}

static void is_clean(void **state)
{
	static const char *const all[] = { "/", "/a", "/a/b", "/a/..b", "/a/b.", "/.a/...",
		"/a b" };
	static const char *const none[] = { "", "a", "a/b", "//", "/a/", "/a//b", "//a", "/.",
		"/..", "/./a", "/a/.", "/a/..", "/a/../b", "./a", "../a" };
	char out[16];

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		assert_true(path_is_clean(span_of(all[i])));
		assert_int_equal(path_clean(span_of(all[i]), out), strlen(all[i]));
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(path_is_clean(span_of(none[i])));
}

static void own(void **state)
{
	static const char *const all[] = {
		"/run/docker/plugins",
		"/run/docker/plugins/dsp.sock",
		"/var/run/docker/plugins",
		"/var/run/docker/plugins/x",
		"/etc/dsp",
		"/etc/dsp/policy.json",
		"/var/lib/dsp/owners.db",
		"/var/run/dsp-resolve.sock",
		"/run/credentials",
		"/var/run/credentials/dsp-gate@ci.service/token",
		"/etc/systemd/system/dsp-resolve.service.d/x.conf",
		"/etc/systemd/system/dsp-gate@.service",
		"/etc/systemd/system/dsp-gate@ci.socket.d/x.conf",
		"/etc/docker",
		"/etc/docker/daemon.json",
		"/usr/libexec/docker/nri-plugins/10-x",
		"/etc/nri/conf.d",
		"/opt/nri/plugins",
		"/var/run/nri/nri.sock",
		"/etc/systemd/system/docker.service",
		"/etc/systemd/system/docker.service.d",
		"/etc/systemd/system/docker.service.d/x.conf",
		"/lib/systemd/system/docker.socket",
		"/usr/lib/systemd/system/dsp.service",
		"/run/systemd/system/dsp.socket.d/a/b",
		"/var/run/systemd/system/dsp.service",
	};
	static const char *const none[] = {
		"/",
		"/etc",
		"/run",
		"/run/docker",
		"/var",
		"/var/run",
		"/run/docker/pluginsx",
		"/etc/dockerx",
		"/run/credentials2",
		"/run/docker.sock",
		"/etc/systemd/system",
		"/etc/systemd/system/docker",
		"/etc/systemd/system/docker.service.dx",
		"/etc/systemd/system/docker.service.d.d",
		"/etc/systemd/system/x/docker.service",
		"/etc/systemd/system/dsp.service2",
		"/srv/systemd/system/docker.service",
		"/srv/run/docker/plugins",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_true(path_is_dsp_file(span_of(all[i]), PLUGINS));
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(path_is_dsp_file(span_of(none[i]), PLUGINS));
}

static void own_programs(void **state)
{
	static const char *const all[] = { "/usr/bin/dsp", "/usr/bin/dsp-resolve",
		"/usr/bin/dsp-gate", "/usr/local/bin/dsp", "/usr/bin/dspd", "/usr/local/bin/dspd",
		"/usr/bin/dockerd", "/usr/sbin/dockerd", "/sbin/dockerd", "/usr/local/bin/dockerd",
		"/usr/bin/containerd", "/usr/bin/containerd-shim-runc-v2", "/bin/runc",
		"/usr/local/sbin/runc", "/usr/bin/dockerd/x" };
	static const char *const none[] = { "/usr", "/usr/bin", "/bin", "/usr/local/bin",
		"/usr/bin/docker", "/usr/bin/dspx", "/usr/bin/ctr", "/usr/bin/xdockerd",
		"/usr/bin/x/dockerd", "/srv/bin/dockerd" };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_true(path_is_dsp_file(span_of(all[i]), PLUGINS));
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(path_is_dsp_file(span_of(none[i]), PLUGINS));
}

static void own_socket(void **state)
{
	(void)state;
	assert_true(path_is_dsp_file(SPAN("/srv/dsp"), SPAN("/srv/dsp")));
	assert_true(path_is_dsp_file(SPAN("/srv/dsp/dsp.sock"), SPAN("/srv/dsp")));
	assert_false(path_is_dsp_file(SPAN("/srv"), SPAN("/srv/dsp")));
	assert_true(path_is_dsp_file(SPAN("/run/x/y"), SPAN("/var/run/x")));
	assert_true(path_is_dsp_file(SPAN("/var/run/x/y"), SPAN("/run/x")));
	assert_false(path_is_dsp_file(SPAN("/srv"), SPAN("/")));
	assert_false(path_is_dsp_file(SPAN("/srv"), SPAN("")));
	assert_true(path_is_dsp_file(SPAN("/srv/p.json"), SPAN("/srv/dsp\0/srv/p.json")));
	assert_false(path_is_dsp_file(SPAN("/srv/p.jso"), SPAN("/srv/dsp\0/srv/p.json")));
}

static void holds(void **state)
{
	static const char *const all[] = {
		"/",
		"/run",
		"/var",
		"/var/run",
		"/run/docker",
		"/run/docker.sock",
		"/var/run/docker.sock",
		"/run/containerd",
		"/run/containerd/containerd.sock",
		"/run/docker/containerd",
		"/run/dsp-gate",
		"/var/run/dsp-gate/ci.sock",
		"/run/docker/containerd/docker-containerd.sock",
		"/run/docker/swarm",
		"/run/docker/swarm/control.sock",
		"/run/containerd/fifo/x",
		"/var/run/docker/containerd/y",
		"/var/run/docker",
		"/run/docker/plugins",
	};
	static const char *const none[] = {
		"/run/docker.sock2",
		"/run/containerd2",
		"/run/dock",
		"/run/docker/netns",
		"/run/docker/plugins/other.sock",
		"/var/lib",
		"/var/lib/docker",
		"/srv/run",
		"/var/running",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_true(path_holds_socket(span_of(all[i])));
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(path_holds_socket(span_of(none[i])));
}

/* Where who can write becomes the host's root. */
static void rules_host(void **state)
{
	static const char *const all[] = { "/", "/bin", "/bin/sh", "/boot/grub", "/dev/sda", "/efi",
		"/etc", "/etc/apt", "/etc/cron.d/x", "/etc/crontab", "/etc/default", "/etc/group",
		"/etc/ld.so.preload", "/etc/sudoers", "/home", "/home/u/.ssh",
		"/home/u/.ssh/authorized_keys", "/lib32", "/opt/containerd", "/root/.ssh",
		"/run/cdi", "/run/tmpfiles.d", "/run/udev/rules.d", "/run/user/0", "/usr",
		"/usr/libexec", "/usr/sbin", "/usr/share/x", "/var/lib", "/var/lib/cloud",
		"/var/lib/docker", "/var/lib/docker/containers", "/var/lib/docker/overlay2/x",
		"/var/lib/docker/volumes", "/var/lib/docker/volumes/x",
		"/var/lib/docker/volumes/x/_data2", "/var/lib/dpkg/info", "/var/lib/snapd",
		"/var/run/udev", "/var/spool/cron/a" };
	static const char *const none[] = { "/srv", "/binary", "/home/anna", "/home/u/.sshd",
		"/opt/app", "/users", "/var/lib/docker/volumes/x/_data",
		"/var/lib/docker/volumes/x/_data/y", "/var/lib/postgresql", "/var/log",
		"/var/spool/mail" };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!path_rules_host(span_of(all[i])))
			fail_msg("%s", all[i]);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		if (path_rules_host(span_of(none[i])))
			fail_msg("%s", none[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clean),
		cmocka_unit_test(never_longer),
		cmocka_unit_test(within),
		cmocka_unit_test(is_clean),
		cmocka_unit_test(own),
		cmocka_unit_test(own_programs),
		cmocka_unit_test(own_socket),
		cmocka_unit_test(holds),
		cmocka_unit_test(rules_host),
	};

	return cmocka_run_group_tests_name("paths", tests, NULL, NULL);
}
