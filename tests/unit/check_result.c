/* What the doctor makes of dockerds that the suites cannot run: versions, command lines. */
#include "unit.h"

#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doctor/doctor.h"
#include "dsp/host/listening_sockets.h"

static struct doctor d;
static struct dockerd dockerd;
static struct config config;
static char *arguments[4];

/* What a check says of this dockerd. */
static enum check_state state_of(doctor_check *check, const char *version)
{
	struct check_result result;

	check_result_init(&result);
	text_copy(span_of(version), dockerd.version, sizeof(dockerd.version));
	dockerd.pid = getpid();
	d.dockerd = &dockerd;
	check(&d, &result);
	assert_true(result.text.n > 0);
	return result.state;
}

static void set_profile(enum profile profile)
{
	settings_init(&config.settings);
	config.settings.profile = profile;
	policy_compile(&config.settings, "/run/docker/plugins/dsp.sock", NULL, &config.policy);
	d.config = &config;
	d.config_ok = true;
}

static void versions(void **state)
{
	static const struct {
		const char *version;
		enum check_state known;
		enum check_state bodies;
		enum check_state grpc; /* when no listener answered */
	} rows[] = {
		{ "1.13.1", CHECK_WARNING, CHECK_NOTE, CHECK_OK },
		{ "17.03.2-ce", CHECK_WARNING, CHECK_NOTE, CHECK_OK },
		{ "17.05.0-ce", CHECK_OK, CHECK_NOTE, CHECK_OK },
		{ "20.10.24+dfsg1", CHECK_OK, CHECK_NOTE, CHECK_OK },
		{ "28.5.2", CHECK_OK, CHECK_NOTE, CHECK_OK },
		{ "29.1.5", CHECK_OK, CHECK_NOTE, CHECK_OK },
		{ "29.2.0", CHECK_OK, CHECK_NOTE, CHECK_UNKNOWN },
		{ "29.3.0", CHECK_OK, CHECK_NOTE, CHECK_UNKNOWN },
		{ "29.3.1", CHECK_OK, CHECK_OK, CHECK_UNKNOWN },
		{ "29.7.2", CHECK_OK, CHECK_OK, CHECK_UNKNOWN },
		{ "30.0.0-rc.1", CHECK_NOTE, CHECK_OK, CHECK_UNKNOWN },
		{ "", CHECK_UNKNOWN, CHECK_UNKNOWN, CHECK_UNKNOWN },
		{ "dev", CHECK_UNKNOWN, CHECK_UNKNOWN, CHECK_UNKNOWN },
		{ "library-import", CHECK_UNKNOWN, CHECK_UNKNOWN, CHECK_UNKNOWN },
	};

	(void)state;
	set_profile(PROFILE_GUARD);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(state_of(doctor_check_version, rows[i].version), rows[i].known);
		assert_int_equal(state_of(doctor_check_bodies, rows[i].version), rows[i].bodies);
		assert_int_equal(state_of(doctor_check_grpc, rows[i].version), rows[i].grpc);
	}
}

/* HTTP/2, over which 29.2 and later ask no plugin: what an HTTP/2 preface and the settings say. */
static void unasked_builds(void **state)
{
	static char on[] = "/run/docker.sock";

	(void)state;
	set_profile(PROFILE_GUARD);
	memcpy(d.http2.served_at, on, sizeof(on));
	d.http2.tried = d.http2.served = 1;
	assert_int_equal(state_of(doctor_check_grpc, "29.2.0"), CHECK_WARNING);
	assert_int_equal(state_of(doctor_check_grpc, ""), CHECK_WARNING);
	assert_int_equal(state_of(doctor_check_grpc, "29.1.5"), CHECK_OK);
	set_profile(PROFILE_READONLY);
	assert_int_equal(state_of(doctor_check_grpc, "29.2.0"), CHECK_FAULT);
	assert_int_equal(state_of(doctor_check_grpc, "29.1.5"), CHECK_OK);
	set_profile(PROFILE_HARDENED);
	assert_int_equal(state_of(doctor_check_grpc, "29.7.2"), CHECK_FAULT);
	assert_int_equal(state_of(doctor_check_grpc, ""), CHECK_FAULT);
	/* With the cure in dockerd's environment, and served all the same. */
	set_profile(PROFILE_GUARD);
	d.http2.off = true;
	assert_int_equal(state_of(doctor_check_grpc, "29.2.0"), CHECK_FAULT);
	d.http2.served = 0;
	assert_int_equal(state_of(doctor_check_grpc, "29.2.0"), CHECK_OK);
	d.http2.tried = 0;
	assert_int_equal(state_of(doctor_check_grpc, "29.2.0"), CHECK_OK);
	d.http2.off = false;
	assert_int_equal(state_of(doctor_check_grpc, "29.2.0"), CHECK_UNKNOWN);
	d.config_ok = false;
	d.http2.tried = d.http2.served = 1;
	assert_int_equal(state_of(doctor_check_grpc, "29.2.0"), CHECK_WARNING);
	d.http2.served = 0;
}

static void start_with(char *first, char *second)
{
	static char program[] = "dockerd";

	arguments[0] = program;
	arguments[1] = first;
	arguments[2] = second;
	dockerd.arguments = arguments;
	dockerd.count = first ? second ? 3 : 2 : 1;
}

static void listeners(void **state)
{
	static char tcp[] = "-H=tcp://0.0.0.0:2375";
	static char bare[] = "-H:2375";
	static char local[] = "--host=unix:///run/docker.sock";
	static char fd[] = "-Hfd://";
	static char verify[] = "--tlsverify";
	static char yes[] = "--tlsverify=true";
	static char no[] = "--tlsverify=false";

	(void)state;
	start_with(NULL, NULL);
	assert_int_equal(state_of(doctor_check_listeners, ""), CHECK_OK);
	start_with(local, fd);
	assert_int_equal(state_of(doctor_check_listeners, ""), CHECK_OK);
	start_with(local, tcp);
	assert_int_equal(state_of(doctor_check_listeners, ""), CHECK_WARNING);
	start_with(bare, NULL);
	assert_int_equal(state_of(doctor_check_listeners, ""), CHECK_WARNING);
	start_with(tcp, no);
	assert_int_equal(state_of(doctor_check_listeners, ""), CHECK_WARNING);
	start_with(tcp, verify);
	assert_int_equal(state_of(doctor_check_listeners, ""), CHECK_OK);
	start_with(yes, tcp);
	assert_int_equal(state_of(doctor_check_listeners, ""), CHECK_OK);
	start_with(tcp, NULL);
	d.file.object = json_pack("{s:b}", "tlsverify", 1);
	assert_int_equal(state_of(doctor_check_listeners, ""), CHECK_OK);
	json_decref(d.file.object);
	d.file.object = json_pack("{s:[s, s]}", "hosts", "unix:///x", "tcp://127.0.0.1:1");
	start_with(NULL, NULL);
	assert_int_equal(state_of(doctor_check_listeners, ""), CHECK_WARNING);
	json_decref(d.file.object);
	d.file.object = NULL;
}

static void copy_address(void *ctx, const char *address)
{
	text_copy(span_of(address), ctx, 80);
}

/* A TCP socket that listens at a free port; where it is. -1: this machine has no such address. */
static int listen_at(const char *host, char *text)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST,
		.ai_socktype = SOCK_STREAM,
	};
	struct sockaddr_storage at;
	char port[8];
	socklen_t n = sizeof(at);
	struct addrinfo *a;
	int fd;
	int bound;

	assert_int_equal(getaddrinfo(host, "0", &hints, &a), 0);
	fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bound = fd < 0 ? -1 : bind(fd, a->ai_addr, a->ai_addrlen);
	freeaddrinfo(a);
	if (bound != 0) {
		(void)close(fd);
		return -1;
	}
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	assert_int_equal(
		getnameinfo((struct sockaddr *)&at, n, NULL, 0, port, sizeof(port), NI_NUMERICSERV),
		0);
	(void)snprintf(text, 80, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
	return fd;
}

/* What systemd has made and handed over; and not what dockerd has made itself. */
static void handed_over(void **state)
{
	static const char *const hosts[] = { "127.0.0.1", "0.0.0.0", "::1" };
	char seen[80] = "";
	char want[80];
	pid_t child;

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		int fd = listen_at(hosts[i], want);

		if (fd < 0) /* a machine without IPv6 */
			continue;
		child = fork();
		if (child == 0) {
			(void)pause();
			_exit(0);
		}
		listening_sockets_tcp(getpid(), child, copy_address, seen);
		assert_string_equal(seen, want);
		seen[0] = '\0';
		(void)close(fd);
		listening_sockets_tcp(getpid(), child, copy_address, seen);
		assert_string_equal(seen, "");
		(void)kill(child, SIGKILL);
		(void)waitpid(child, NULL, 0);
	}
}

static void rootless(void **state)
{
	(void)state;
	start_with(NULL, NULL);
	assert_int_equal(state_of(doctor_check_isolation, ""), CHECK_OK);
	dockerd.rootless = true;
	assert_int_equal(state_of(doctor_check_isolation, ""), CHECK_WARNING);
	dockerd.rootless = false;
}

/* The worst counts, what is fine is not told beside it, and nothing of a stranger's acts. */
static void results(void **state)
{
	struct check_result result;

	(void)state;
	check_result_init(&result);
	check_result_add(&result, CHECK_OK, "fine");
	check_result_add(&result, CHECK_WARNING, "weak %s", "\033[2J\n");
	check_result_add(&result, CHECK_NOTE, "known");
	check_result_add(&result, CHECK_OK, "fine");
	assert_int_equal(result.state, CHECK_WARNING);
	assert_string_equal(result.text.text, "weak ?[2J?; known");
	for (int i = 0; i < 400; i++)
		check_result_add(&result, CHECK_FAULT, "more and more of it");
	assert_int_equal(result.state, CHECK_FAULT);
	assert_true(strlen(result.text.text) < sizeof(result.text_room));
	check_result_advise(&result, "first");
	check_result_advise(&result, "second");
	assert_string_equal(result.advice.text, "first");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions),
		cmocka_unit_test(unasked_builds),
		cmocka_unit_test(listeners),
		cmocka_unit_test(handed_over),
		cmocka_unit_test(rootless),
		cmocka_unit_test(results),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
