/*
 * The look-up process: what it sees and may not do, and what dspd makes of its death and of one
 * that hangs.
 */
#include "child.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "daemon/lookup_pool.h"
#include "daemon/lookup_process.h"
#include "dsp/system/proc_file.h"

static struct lookup_pool *pool;
static int wake;
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

/* As dspd starts: false: it cannot. */
static bool start_lookups(void)
{
	struct err e;

	if (lookup_process_start(&e) != 0)
		return false;
	wake = epoll_create1(EPOLL_CLOEXEC);
	pool = lookup_pool_new(lookup_process_open, wake, &e);
	return pool != NULL;
}

static void submit(struct mount_lookup *l)
{
	struct span meets;

	assert_int_equal(lookup_pool_submit(pool, l, l, &meets), 0);
}

/* Waits for the end of the look-up, as the loop does. */
static void wait_for(const struct mount_lookup *l)
{
	struct pollfd woken = { .fd = wake, .events = POLLIN };
	struct lookup_result r = { .tag = NULL };

	while (!lookup_pool_next(pool, &r))
		(void)poll(&woken, 1, lookup_pool_timeout(pool));
	assert_ptr_equal(r.tag, l);
	assert_false(lookup_pool_next(pool, &r));
}

static void run(struct mount_lookup *l)
{
	submit(l);
	wait_for(l);
}

/* Whether the source was seen; what else is said is in *ret. -1: the look-up failed. */
static int look(const char *source, struct mount_info *ret)
{
	const char *const sources[] = { source, NULL };
	struct mount_lookup *l = lookup_of(sources);
	const struct mount_info *found;
	int seen = -1;

	run(l);
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
	if (!file)
		return 0;
	(void)!fgets(text, sizeof(text), file);
	(void)fclose(file);
	return (pid_t)strtol(text, NULL, 10);
}

/* Gives up all rights but to search directories, if it keeps that. False: it cannot. */
static bool become_nobody(bool searches)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct has[_LINUX_CAPABILITY_U32S_3];

	if (searches && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
		return false;
	if (setresgid(65523, 65523, 65523) != 0 || setresuid(65523, 65523, 65523) != 0)
		return false;
	if (!searches)
		return true;
	/* It keeps the permitted ones alone. */
	if (syscall(SYS_capget, &head, has) != 0)
		return false;
	has[0].effective = has[0].permitted &= 1U << CAP_DAC_READ_SEARCH;
	has[1].effective = has[1].permitted = 0;
	return syscall(SYS_capset, &head, has) == 0;
}

/* For in_child: what, in a process that has started look-ups. */
static int (*asked)(void);
static bool keeps_the_right;

static int with_lookups(void)
{
	int rc;

	/* Whoever starts dspd may ignore the ends of children, which is inherited. */
	(void)signal(SIGCHLD, SIG_IGN);
	MUST(become_nobody(keeps_the_right));
	MUST(start_lookups());
	rc = asked();
	lookup_pool_close(pool);
	lookup_process_stop();
	return rc;
}

static void as_nobody(int (*what)(void), bool searches)
{
	if (geteuid() != 0)
		skip();
	asked = what;
	keeps_the_right = searches;
	in_child(with_lookups, 50);
}

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

/* Waits for a child of the keeper that is another than old. */
static pid_t next_process(pid_t keeper, pid_t old)
{
	pid_t now;

	do {
		(void)usleep(2000);
		now = child_of(keeper);
	} while (now == 0 || now == old);
	return now;
}

/* Waits until a look-up works: on a machine that is busy the first ones may be late. */
static void until_seen(const char *source)
{
	struct mount_info info;

	while (look(source, &info) != 1)
		(void)usleep(2000);
}

/* Stops the look-up process as it waits: it holds no end of a stream then. */
static bool stop(pid_t process)
{
	char path[64];
	char state = '?';
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)process);
	while (state != 'S') {
		file = fopen(path, "r");
		if (!file || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
			return false;
		(void)fclose(file);
	}
	return kill(process, SIGSTOP) == 0;
}

/* Ends the processes that wait for the next look-up, which are the children of this one. */
static void end_waiting(pid_t process)
{
	for (pid_t one = child_of(process); one != 0; one = child_of(process)) {
		(void)kill(one, SIGKILL);
		(void)usleep(2000);
	}
}

static int comes_back(void)
{
	struct mount_info info;
	pid_t keeper = child_of(getpid());
	pid_t process = next_process(keeper, 0);

	until_seen("/tmp");
	for (unsigned i = 1; i <= 3; i++) {
		MUST(kill(process, SIGKILL) == 0);
		(void)next_process(keeper, process);
		until_seen("/tmp");
		/* A look-up that was late has it replaced too. */
		MUST(lookup_process_state().restarts >= i);
		MUST(lookup_process_state().restarts <= i + lookup_process_state().failures);
		process = child_of(keeper);
	}
	MUST(lookup_process_state().running);
	/* The keeper takes all with it. */
	MUST(keeper > 0 && process > 0 && kill(keeper, SIGKILL) == 0);
	while (lookup_process_state().running || kill(process, 0) == 0)
		(void)usleep(2000);
	MUST(look("/tmp", &info) == -1);
	MUST(lookup_process_state().failures > 0 && lookup_process_state().trouble[0]);
	return 0;
}

/* A look-up of many long sources: more than a socket takes without a reader. Whether it worked. */
static bool look_for_many(void)
{
	struct mount_lookup *l = mount_lookup_new(SPAN("/none"), 0);
	static char source[4000];
	bool found;
	struct err e;

	assert_non_null(l);
	(void)memset(source, '/', sizeof(source));
	for (size_t i = 0; i < 500; i++) {
		(void)snprintf(source + sizeof(source) - 20, 20, "/none/%zu", i);
		assert_int_equal(mount_lookup_add(l, span_of(source), &e), 0);
	}
	run(l);
	found = mount_lookup_find(l, span_of(source)) != NULL;
	mount_lookup_release(l);
	return found;
}

/* The process hangs: a look-up fails in time, whatever its length; then another process answers. */
static int hangs(void)
{
	struct mount_info info;
	pid_t keeper = child_of(getpid());
	pid_t process;
	unsigned failures;

	(void)next_process(keeper, 0);
	until_seen("/tmp");
	for (int many = 0; many < 2; many++) {
		failures = lookup_process_state().failures;
		process = child_of(keeper);
		MUST(process > 0 && stop(process));
		end_waiting(process);
		MUST(many ? !look_for_many() : look("/tmp", &info) == -1);
		MUST(lookup_process_state().failures == failures + 1);
		(void)next_process(keeper, process);
		until_seen("/tmp");
	}
	MUST(look_for_many());
	/* Each look-up that failed had it replaced once, at most. */
	MUST(lookup_process_state().restarts >= 2);
	MUST(lookup_process_state().restarts <= lookup_process_state().failures);
	return 0;
}

/* Without descriptors: the right answer or none, and not one that the table of mounts lacks. */
static int has_few_descriptors(void)
{
	struct mount_info info;
	pid_t process = next_process(child_of(getpid()), 0);
	unsigned right = 0;

	until_seen("/tmp");
	for (rlim_t n = 24; n > 3; n--) {
		const struct rlimit most = { n, n };
		int seen;

		MUST(prlimit(process, RLIMIT_NOFILE, &most, NULL) == 0);
		end_waiting(process);
		seen = look("/proc/1", &info);
		MUST(seen != 1);
		right += seen == 0;
	}
	MUST(right > 5 && right < 20);
	return 0;
}

/* Links through links: minutes of work, for one request. */
static struct mount_lookup *lookup_of_links(void)
{
	struct mount_lookup *l = mount_lookup_new(SPAN("/none"), 0);
	char source[300];
	struct err e;

	assert_non_null(l);
	for (size_t i = 0; i < LOOKUP_SOURCES_MOST; i++) {
		(void)snprintf(source, sizeof(source), "%s/links/0/%zu", top, i);
		assert_int_equal(mount_lookup_add(l, span_of(source), &e), 0);
	}
	return l;
}

/* The limit of a process's computing, in seconds; 0: none, or it has ended. */
static unsigned long most_seconds(pid_t pid)
{
	static const char name[] = "Max cpu time";
	unsigned long seconds = 0;
	char path[64];
	char line[200];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/limits", (int)pid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, sizeof(name) - 1) == 0)
			seconds = strtoul(line + sizeof(name) - 1, NULL, 10);
	}
	if (file)
		(void)fclose(file);
	return seconds;
}

static int is_busy(void)
{
	pid_t keeper = child_of(getpid());
	struct mount_lookup *l = NULL;
	unsigned long seconds = 0;
	struct lookup_result r;
	pid_t busy;

	while (seconds == 0) {
		bool ended = false;

		mount_lookup_release(l);
		l = lookup_of_links();
		submit(l);
		/* On a machine that is busy it may be late before it begins, and is tried again. */
		while (seconds == 0 && !ended) {
			(void)usleep(2000);
			busy = child_of(child_of(keeper));
			seconds = most_seconds(busy);
			ended = lookup_pool_next(pool, &r);
		}
		MUST(seconds > 0 || !r.in_time);
	}
	MUST(seconds * 1000 >= POOL_DEADLINE_MS && seconds * 1000 < 2 * POOL_DEADLINE_MS);
	/* As the kernel does when it has computed for so long. */
	MUST(kill(busy, SIGKILL) == 0);
	wait_for(l);
	MUST(!mount_lookup_find(l, mount_lookup_first(l)));
	mount_lookup_release(l);
	until_seen("/tmp");
	return 0;
}

/* Killed with no time to clean up, dspd takes the keeper and the look-up process with it. */
static int leaves_nothing(void)
{
	pid_t pids[2];
	pid_t dspd;
	int pair[2];

	/* Who has no parent any more is this one's child, and can be waited for. */
	MUST(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 && pipe(pair) == 0);
	dspd = fork();
	if (dspd == 0) {
		if (!become_nobody(true) || !start_lookups())
			_exit(1);
		pids[0] = child_of(getpid());
		pids[1] = next_process(pids[0], 0);
		until_seen("/tmp");
		(void)!write(pair[1], pids, sizeof(pids));
		(void)pause();
	}
	MUST(dspd > 0 && read(pair[0], pids, sizeof(pids)) == sizeof(pids));
	MUST(kill(dspd, SIGKILL) == 0 && waitpid(dspd, NULL, 0) == dspd);
	while (waitpid(-1, NULL, 0) > 0)
		;
	MUST(errno == ECHILD);
	MUST(kill(pids[0], 0) < 0 && kill(pids[1], 0) < 0);
	return 0;
}

/* --- all ---------------------------------------------------------------------------------------*/

enum { LINKS = 39 };

/* In links/: 0 leads to the directory itself by all the others, each by a long way. */
static int make_links(void)
{
	static char text[4000];
	char path[220];
	int rc = mkdir(place("/links"), 0755);

	for (int i = 0; i < LINKS && rc == 0; i++) {
		size_t n = 0;

		while (n < sizeof(text) - 20)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "./");
		(void)snprintf(text + n, sizeof(text) - n, "%d", i + 1);
		(void)snprintf(path, sizeof(path), "%s/links/%d", top, i);
		rc = symlink(i + 1 < LINKS ? text : ".", path);
	}
	return rc;
}

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
	return close(fd) == 0 ? make_links() : -1;
}

static int tear_down(void **state)
{
	(void)state;
	(void)unlink(place("/closed/file"));
	(void)unlink(place("/closed/link"));
	(void)rmdir(place("/closed"));
	for (int i = 0; i < LINKS; i++) {
		char path[220];

		(void)snprintf(path, sizeof(path), "%s/links/%d", top, i);
		(void)unlink(path);
	}
	(void)rmdir(place("/links"));
	return rmdir(top);
}

static void with_the_right(void **state)
{
	(void)state;
	as_nobody(sees_what_is_closed, true);
}

static void without_the_right(void **state)
{
	(void)state;
	as_nobody(sees_what_its_user_sees, false);
}

static void killed(void **state)
{
	(void)state;
	as_nobody(comes_back, true);
}

static void stopped(void **state)
{
	(void)state;
	as_nobody(hangs, true);
}

static void few_descriptors(void **state)
{
	(void)state;
	as_nobody(has_few_descriptors, true);
}

static void busy(void **state)
{
	(void)state;
	as_nobody(is_busy, true);
}

static void parent_killed(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	in_child(leaves_nothing, 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_the_right),
		cmocka_unit_test(without_the_right),
		cmocka_unit_test(killed),
		cmocka_unit_test(parent_killed),
		cmocka_unit_test(stopped),
		cmocka_unit_test(few_descriptors),
		cmocka_unit_test(busy),
	};

	return cmocka_run_group_tests_name("lookup_process", tests, set_up, tear_down);
}
