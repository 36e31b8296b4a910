/*
 * The look-up process: what it sees and may not do, what dspd makes of its death, of one that
 * hangs, and of answers that are not in order.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/lookup_filter.h"
#include "daemon/lookup_process.h"
#include "daemon/lookup_stream.h"
#include "dsp/system/clock.h"
#include "dsp/system/proc_file.h"

static char top[] = "/tmp/dsp-process.XXXXXX";

static struct mount_lookup *lookup_of(const char *const *sources)
{
	struct mount_lookup *l = mount_lookup_new(SPAN("/none"), 0);
	struct err e;

	assert_non_null(l);
	for (size_t i = 0; sources[i]; i++)
		assert_int_equal(mount_lookup_add(l, span_of(sources[i]), &e), 0);
	return l;
}

/* Whether the source was seen; what else is said is in *ret. -1: the look-up failed. */
static int look(const char *source, struct mount_info *ret)
{
	const char *const sources[] = { source, NULL };
	struct mount_lookup *l = lookup_of(sources);
	const struct mount_info *found;
	int seen = -1;

	lookup_process_run(l);
	found = mount_lookup_find(l, span_of(source));
	if (found) {
		*ret = *found;
		seen = found->visible;
	}
	mount_lookup_release(l);
	return seen;
}

/* The first child of a process; 0: none. */
static pid_t child_of(pid_t pid)
{
	char path[64];
	char text[32] = "";
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	file = fopen(path, "r");
	assert_non_null(file);
	(void)!fgets(text, sizeof(text), file);
	(void)fclose(file);
	return (pid_t)strtol(text, NULL, 10);
}

/* In a child without any right but to search directories, if it has that. */
static void as_nobody(int (*what)(void), bool searches)
{
	int status = 0;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		struct err e;

		(void)alarm(50);
		if (searches && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
			_exit(250);
		if (setresgid(65523, 65523, 65523) != 0 || setresuid(65523, 65523, 65523) != 0)
			_exit(251);
		if (searches) {
			/* It keeps the permitted ones alone. */
			struct __user_cap_header_struct head = {
				.version = _LINUX_CAPABILITY_VERSION_3
			};
			struct __user_cap_data_struct has[_LINUX_CAPABILITY_U32S_3];

			if (syscall(SYS_capget, &head, has) != 0)
				_exit(252);
			has[0].effective = has[0].permitted &= 1U << CAP_DAC_READ_SEARCH;
			has[1].effective = has[1].permitted = 0;
			if (syscall(SYS_capset, &head, has) != 0)
				_exit(253);
		}
		if (lookup_process_start(&e) != 0)
			_exit(254);
		status = what();
		lookup_process_stop();
		_exit(status);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define MUST(truth)                                                                                \
	do {                                                                                       \
		if (!(truth))                                                                      \
			return __LINE__ % 240 + 1;                                                 \
	} while (0)

static const char *place(const char *name)
{
	static char path[200];

	(void)snprintf(path, sizeof(path), "%s%s", top, name);
	return path;
}

static int sees_what_is_closed(void)
{
	struct mount_info info;

	MUST(lookup_process_state().sees_all);
	/* This process has given the right up. */
	MUST(open(place("/closed/file"), O_PATH | O_CLOEXEC) < 0 && errno == EACCES);
	MUST(look(place("/closed/file"), &info) == 1 && !info.unknown);
	MUST(look(place("/closed/link"), &info) == 1 && info.device);
	MUST(look(place("/closed/none"), &info) == 0 && !info.unknown);
	return 0;
}

static int sees_what_its_user_sees(void)
{
	struct mount_info info;

	MUST(!lookup_process_state().sees_all);
	MUST(look("/tmp", &info) == 1);
	MUST(look(place("/closed/file"), &info) == 0 && info.unknown);
	MUST(look(place("/none"), &info) == 0 && !info.unknown);
	return 0;
}

static int comes_back(void)
{
	struct mount_info info;
	pid_t keeper = child_of(getpid());
	pid_t process = 0;

	MUST(look("/tmp", &info) == 1);
	for (int i = 0; i < 3; i++) {
		process = child_of(keeper);
		MUST(process > 0 && kill(process, SIGKILL) == 0);
		for (int turn = 0; turn < 200 && child_of(keeper) == process; turn++)
			(void)usleep(10000);
		for (int turn = 0; turn < 200 && child_of(keeper) == 0; turn++)
			(void)usleep(10000);
		MUST(look("/tmp", &info) == 1);
		MUST(lookup_process_state().restarts == (unsigned)i + 1);
	}
	MUST(lookup_process_state().running);
	/* The keeper takes all with it. */
	process = child_of(keeper);
	MUST(keeper > 0 && process > 0 && kill(keeper, SIGKILL) == 0);
	for (int turn = 0; turn < 200 && lookup_process_state().running; turn++)
		(void)usleep(10000);
	MUST(!lookup_process_state().running);
	for (int turn = 0; turn < 200 && kill(process, 0) == 0; turn++)
		(void)usleep(10000);
	MUST(look("/tmp", &info) == -1);
	MUST(lookup_process_state().failures > 0 && lookup_process_state().trouble[0]);
	return 0;
}

static int hangs(void)
{
	struct mount_info info;
	pid_t keeper = child_of(getpid());
	uint64_t start = clock_now();
	pid_t process;

	MUST(look("/tmp", &info) == 1);
	process = child_of(keeper);
	MUST(process > 0 && kill(process, SIGSTOP) == 0);
	MUST(look("/tmp", &info) == -1);
	MUST(clock_now() - start < 5000);
	for (int turn = 0; turn < 200 && child_of(keeper) == process; turn++)
		(void)usleep(10000);
	(void)usleep(500000);
	MUST(look("/tmp", &info) == 1);
	MUST(lookup_process_state().restarts == 1);
	return 0;
}

static int may_do_nothing_else(void)
{
	struct err e;
	int pair[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	MUST(lookup_filter_install(&e) == 0);
	MUST(open("/tmp", O_PATH | O_CLOEXEC) >= 0);
	MUST(open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0 && errno == EPERM);
	MUST(open("/tmp", O_RDONLY | O_DIRECTORY) < 0 && errno == EPERM);
	MUST(open("/tmp/x", O_WRONLY | O_CREAT, 0600) < 0 && errno == EPERM);
	MUST(socket(AF_UNIX, SOCK_STREAM, 0) < 0 && errno == EPERM);
	MUST(execl("/bin/true", "true", NULL) < 0 && errno == EPERM);
	MUST(unlink("/tmp/none") < 0 && errno == EPERM);
	MUST(chdir("/tmp") < 0 && errno == EPERM);
	MUST(kill(getppid(), SIGTERM) < 0 && errno == EPERM);
	MUST(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0 && errno == EPERM);
	MUST(write(pair[0], "x", 1) == 1);
	return 0;
}

/* --- answers -----------------------------------------------------------------------------------*/

/* Feeds the replies to a look-up of two sources. Returns its end. */
static int fed(const struct lookup_reply *replies, size_t bytes)
{
	static const char *const sources[] = { "/a", "/b", NULL };
	struct mount_lookup *l = lookup_of(sources);
	struct facts facts = { .reading = READING_EXACT };
	int pair[2];
	int code;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(write(pair[0], replies, bytes), bytes);
	(void)close(pair[0]);
	code = lookup_stream_receive(pair[1], l);
	(void)close(pair[1]);
	mount_lookup_end(l, code);
	mount_lookup_attach(l, &facts);
	if (code != 0 || facts.reading != READING_EXACT) {
		assert_null(mount_lookup_find(l, SPAN("/a")));
		assert_int_equal(facts.reading, READING_UNREADABLE);
		code = code != 0 ? code : -1;
	}
	mount_lookup_release(l);
	return code;
}

#define S(i)                                                                                       \
	{                                                                                          \
		.kind = LOOKUP_SOURCE, .number = (i)                                               \
	}
#define F(i)                                                                                       \
	{                                                                                          \
		.kind = LOOKUP_FOUND, .number = (i), .flags = LOOKUP_FLAG_VISIBLE, .path = "/x"    \
	}
#define E(code)                                                                                    \
	{                                                                                          \
		.kind = LOOKUP_ENDED, .number = (code)                                             \
	}

static void answers_out_of_order(void **state)
{
	static const struct lookup_reply right[] = { S(0), F(0), S(1), F(1), E(0) };
	static const struct lookup_reply wrong[][5] = {
		{ E(0) },
		{ S(0), E(0) },
		{ S(0), F(0), E(0) },
		{ S(0), F(0), S(1), E(0) },
		{ F(0), S(0), S(1), F(1), E(0) },
		{ S(0), S(1), F(1), F(0), E(0) },
		{ S(0), S(1), F(0), F(1), E(0) },
		{ S(0), F(0), F(0), S(1), E(0) },
		{ S(0), F(1), S(1), F(0), E(0) },
		{ S(1), F(1), S(0), F(0), E(0) },
		{ S(0), F(0), S(1), F(2), E(0) },
		{ S(0), F(0), S(2), F(1), E(0) },
		{ S(0), F(0), S(UINT32_MAX), F(1), E(0) },
		{ S(0), F(0), S(1), F(1), E(UINT32_MAX) },
		{ S(0), F(0), S(1), F(1), E(EIO) },
		{ S(0), F(0), S(1), F(1), { .kind = 0 } },
		{ S(0), F(0), S(1), F(1), { .kind = 99 } },
		{ S(0), F(0), S(1), F(1), { .kind = LOOKUP_ENDED, .flags = 1U << 31 } },
		{ S(0), F(0), S(1), F(1), { .kind = LOOKUP_BEGUN } },
	};
	struct lookup_reply some[5];

	(void)state;
	assert_int_equal(fed(right, sizeof(right)), 0);
	for (size_t n = 0; n < sizeof(right); n += 77)
		assert_int_equal(fed(right, n), EPIPE);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_not_equal(fed(wrong[i], sizeof(wrong[i])), 0);
	memcpy(some, right, sizeof(right));
	memset(some[1].path, 'x', sizeof(some[1].path));
	assert_int_equal(fed(some, sizeof(some)), EPROTO);
	/* Any bytes: an answer, or none. */
	for (int i = 0; i < 2000; i++) {
		memcpy(some, right, sizeof(right));
		for (int k = 0; k < 3; k++)
			((char *)some)[die(sizeof(some))] = (char)die(256);
		(void)fed(some, sizeof(some));
	}
}

/* --- all ---------------------------------------------------------------------------------------*/

static int set_up(void **state)
{
	char path[200];
	int fd;

	(void)state;
	if (!mkdtemp(top) || chmod(top, 0755) != 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/closed", top);
	if (mkdir(path, 0700) != 0)
		return -1;
	fd = open(place("/closed/file"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0 || symlink("/dev/null", place("/closed/link")) != 0)
		return -1;
	return close(fd);
}

static int tear_down(void **state)
{
	(void)state;
	(void)unlink(place("/closed/file"));
	(void)unlink(place("/closed/link"));
	(void)rmdir(place("/closed"));
	return rmdir(top);
}

static void with_the_right(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	as_nobody(sees_what_is_closed, true);
}

static void without_the_right(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	as_nobody(sees_what_its_user_sees, false);
}

static void killed(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	as_nobody(comes_back, true);
}

static void stopped(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	as_nobody(hangs, true);
}

static void filtered(void **state)
{
	int status = 0;
	pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (child == 0)
		_exit(may_do_nothing_else());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_out_of_order),
		cmocka_unit_test(filtered),
		cmocka_unit_test(with_the_right),
		cmocka_unit_test(without_the_right),
		cmocka_unit_test(killed),
		cmocka_unit_test(stopped),
	};

	return cmocka_run_group_tests_name("lookup_process", tests, set_up, tear_down);
}
