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
static enum state judged(doctor_check *check, const char *version)
{
	struct outcome o;

	outcome_init(&o);
	text_copy(span_of(version), dockerd.version, sizeof(dockerd.version));
	dockerd.pid = getpid();
	d.dockerd = &dockerd;
	check(&d, &o);
	assert_true(o.text.n > 0);
	return o.state;
}

static void set_profile(enum profile profile)
{
	settings_init(&config.settings);
	config.settings.profile = profile;
	policy_compile(&config.settings, "/run/docker/plugins/dsp.sock", NULL, &config.policy);
	d.config = &config;
	d.config_good = true;
}

static void versions(void **state)
{
	static const struct {
		const char *version;
		enum state known;
		enum state bodies;
		enum state grpc; /* under profile guard */
	} rows[] = {
		{ "1.13.1", STATE_WARNING, STATE_NOTE, STATE_OK },
		{ "17.03.2-ce", STATE_WARNING, STATE_NOTE, STATE_OK },
		{ "17.05.0-ce", STATE_OK, STATE_NOTE, STATE_OK },
		{ "20.10.24+dfsg1", STATE_OK, STATE_NOTE, STATE_OK },
		{ "28.5.2", STATE_OK, STATE_NOTE, STATE_OK },
		{ "29.1.5", STATE_OK, STATE_NOTE, STATE_OK },
		{ "29.2.0", STATE_OK, STATE_NOTE, STATE_NOTE },
		{ "29.3.0", STATE_OK, STATE_NOTE, STATE_NOTE },
		{ "29.3.1", STATE_OK, STATE_OK, STATE_NOTE },
		{ "29.7.2", STATE_OK, STATE_OK, STATE_NOTE },
		{ "30.0.0-rc.1", STATE_NOTE, STATE_OK, STATE_NOTE },
		{ "", STATE_UNKNOWN, STATE_UNKNOWN, STATE_UNKNOWN },
		{ "dev", STATE_UNKNOWN, STATE_UNKNOWN, STATE_UNKNOWN },
		{ "library-import", STATE_UNKNOWN, STATE_UNKNOWN, STATE_UNKNOWN },
	};

	(void)state;
	set_profile(PROFILE_GUARD);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(judged(check_version, rows[i].version), rows[i].known);
		assert_int_equal(judged(check_bodies, rows[i].version), rows[i].bodies);
		assert_int_equal(judged(check_grpc, rows[i].version), rows[i].grpc);
	}
}

/* What the settings close and dockerd does not ask about is more than a note. */
static void unasked_builds(void **state)
{
	(void)state;
	set_profile(PROFILE_READONLY);
	assert_int_equal(judged(check_grpc, "29.2.0"), STATE_WARNING);
	assert_int_equal(judged(check_grpc, "29.1.5"), STATE_OK);
	d.config_good = false;
	assert_int_equal(judged(check_grpc, "29.2.0"), STATE_WARNING);
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
	assert_int_equal(judged(check_listeners, ""), STATE_OK);
	start_with(local, fd);
	assert_int_equal(judged(check_listeners, ""), STATE_OK);
	start_with(local, tcp);
	assert_int_equal(judged(check_listeners, ""), STATE_WARNING);
	start_with(bare, NULL);
	assert_int_equal(judged(check_listeners, ""), STATE_WARNING);
	start_with(tcp, no);
	assert_int_equal(judged(check_listeners, ""), STATE_WARNING);
	start_with(tcp, verify);
	assert_int_equal(judged(check_listeners, ""), STATE_OK);
	start_with(yes, tcp);
	assert_int_equal(judged(check_listeners, ""), STATE_OK);
	start_with(tcp, NULL);
	d.file = json_pack("{s:b}", "tlsverify", 1);
	assert_int_equal(judged(check_listeners, ""), STATE_OK);
	json_decref(d.file);
	d.file = json_pack("{s:[s, s]}", "hosts", "unix:///x", "tcp://127.0.0.1:1");
	start_with(NULL, NULL);
	assert_int_equal(judged(check_listeners, ""), STATE_WARNING);
	json_decref(d.file);
	d.file = NULL;
}

static void take_address(void *ctx, const char *address)
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
		listening_sockets_tcp(getpid(), child, take_address, seen);
		assert_string_equal(seen, want);
		seen[0] = '\0';
		(void)close(fd);
		listening_sockets_tcp(getpid(), child, take_address, seen);
		assert_string_equal(seen, "");
		(void)kill(child, SIGKILL);
		(void)waitpid(child, NULL, 0);
	}
}

static void rootless(void **state)
{
	(void)state;
	start_with(NULL, NULL);
	assert_int_equal(judged(check_isolation, ""), STATE_OK);
	dockerd.rootless = true;
	assert_int_equal(judged(check_isolation, ""), STATE_WARNING);
	dockerd.rootless = false;
}

/* The worst counts, what is fine is not told beside it, and nothing of a stranger's acts. */
static void outcomes(void **state)
{
	struct outcome o;

	(void)state;
	outcome_init(&o);
	outcome_say(&o, STATE_OK, "fine");
	outcome_say(&o, STATE_WARNING, "weak %s", "\033[2J\n");
	outcome_say(&o, STATE_NOTE, "known");
	outcome_say(&o, STATE_OK, "fine");
	assert_int_equal(o.state, STATE_WARNING);
	assert_string_equal(o.text.text, "weak ?[2J?; known");
	for (int i = 0; i < 400; i++)
		outcome_say(&o, STATE_FAULT, "more and more of it");
	assert_int_equal(o.state, STATE_FAULT);
	assert_true(strlen(o.text.text) < sizeof(o.text_room));
	outcome_advise(&o, "first");
	outcome_advise(&o, "second");
	assert_string_equal(o.advice.text, "first");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions),
		cmocka_unit_test(unasked_builds),
		cmocka_unit_test(listeners),
		cmocka_unit_test(handed_over),
		cmocka_unit_test(rootless),
		cmocka_unit_test(outcomes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
