/* What a service manager leaves in the environment is taken out of it, whatever it says. */
#include "unit.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/notify.h"
#include "dsp/system/activation.h"

enum { HANDED = 3 };

static void set_number(const char *name, long value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%ld", value);
	assert_int_equal(setenv(name, text, 1), 0);
}

static void nothing_left(void)
{
	static const char *const names[] = { "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
		"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_null(getenv(names[i]));
}

static void takes_the_socket(void **state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct activation taken;
	struct err e;
	int old = fcntl(HANDED, F_DUPFD_CLOEXEC, HANDED + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "/tmp/dsp-unit-%ld.sock", (long)getpid());
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 1), 0);
	(void)unlink(a.sun_path);
	assert_int_equal(fd == HANDED ? fd : dup2(fd, HANDED), HANDED);
	set_number("LISTEN_PID", getpid());
	set_number("LISTEN_FDS", 1);
	assert_int_equal(setenv("LISTEN_FDNAMES", "dsp.socket", 1), 0);
	assert_int_equal(activation_receive(&taken, &e), 1);
	assert_string_equal(taken.path, a.sun_path);
	assert_int_equal(fcntl(HANDED, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fcntl(HANDED, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	nothing_left();
	if (old >= 0)
		(void)dup2(old, HANDED);
	else
		(void)close(HANDED);
	(void)close(old);
	if (fd != HANDED)
		(void)close(fd);
}

static void leaves_what_is_for_others(void **state)
{
	struct activation taken;
	struct err e;

	(void)state;
	assert_int_equal(activation_receive(&taken, &e), 0);
	set_number("LISTEN_PID", getppid());
	set_number("LISTEN_FDS", 7);
	assert_int_equal(activation_receive(&taken, &e), 0);
	set_number("LISTEN_FDS", 1);
	assert_int_equal(activation_receive(&taken, &e), 0);
	set_number("LISTEN_PID", getpid());
	set_number("LISTEN_FDS", 7);
	assert_int_equal(activation_receive(&taken, &e), -1);
	nothing_left();
}

/* As many as there are, one datagram each, and the words of a status on one line. */
static void tells(void **state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	socklen_t n = sizeof(a);
	int inbox = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	char name[sizeof(a.sun_path) + 1] = "@";
	char got[1024];
	struct notify notify;
	struct err e;

	(void)state;
	assert_int_equal(bind(inbox, (struct sockaddr *)&a, sizeof(a.sun_family)), 0);
	assert_int_equal(getsockname(inbox, (struct sockaddr *)&a, &n), 0);
	memcpy(name + 1, a.sun_path + 1, n - offsetof(struct sockaddr_un, sun_path) - 1);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	set_number("WATCHDOG_USEC", 3000000);
	set_number("WATCHDOG_PID", getpid());
	assert_int_equal(notify_open(&notify, &e), 0);
	assert_int_equal(notify.watchdog_ms, 3000);
	nothing_left();
	notify_ready(&notify, "one\nWATCHDOG=trigger \x1b\xff");
	assert_int_equal(notify_alive(&notify), 1000);
	notify_stopping(&notify);
	n = (socklen_t)recv(inbox, got, sizeof(got), 0);
	got[n] = '\0';
	assert_string_equal(got, "READY=1\nSTATUS=one?WATCHDOG=trigger ??");
	n = (socklen_t)recv(inbox, got, sizeof(got), 0);
	got[n] = '\0';
	assert_string_equal(got, "WATCHDOG=1");
	n = (socklen_t)recv(inbox, got, sizeof(got), 0);
	got[n] = '\0';
	assert_string_equal(got, "STOPPING=1");
	(void)close(inbox);
	(void)close(notify.fd);
}

static void tells_nobody(void **state)
{
	struct notify notify;
	struct err e;

	(void)state;
	set_number("WATCHDOG_USEC", 3000000);
	assert_int_equal(notify_open(&notify, &e), 0);
	assert_int_equal(notify.fd, -1);
	assert_int_equal(notify.watchdog_ms, 0);
	notify_ready(&notify, "x");
	notify_reloading(&notify);
	assert_true(notify_alive(&notify) > 0);
	notify_stopping(&notify);
	nothing_left();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_the_socket),
		cmocka_unit_test(leaves_what_is_for_others),
		cmocka_unit_test(tells),
		cmocka_unit_test(tells_nobody),
	};

	return cmocka_run_group_tests_name("activation", tests, NULL, NULL);
}
