#include "dsp/system/subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dsp/system/clock.h"

/* In the child: it must not use memory that a lock guards. */
_Noreturn static void exec_child(const char *const *argv, int out, int error)
{
	static const char path[] =
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	static char *environment[] = { (char *)(uintptr_t)path, NULL };
	int null = open("/dev/null", O_RDONLY);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
		dup2(error, STDERR_FILENO) < 0)
		_exit(126);
	(void)execve(argv[0], (char *const *)(uintptr_t)argv, environment);
	_exit(127);
}

/* Reads until the other side closes; output keeps what fits. False: it took too long. */
static bool read_output(int fd, uint64_t until, char *output, size_t cap)
{
	size_t n = 0;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		char spare[512];
		size_t room = cap - 1 - n;
		ssize_t got;

		output[n] = '\0';
		if (clock_now() >= until)
			return false;
		if (poll(&p, 1, clock_earlier(-1, clock_now(), until)) <= 0)
			continue;
		got = read(fd, room > 0 ? output + n : spare, room > 0 ? room : sizeof(spare));
		if (got == 0)
			return true;
		if (got > 0 && room > 0)
			n += (size_t)got;
	}
}

static int wait_for(pid_t child)
{
	int status = 0;

	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Starts it, with its standard error as its output or as ours. */
static int start(const char *const *argv, bool join_errors, struct subprocess *ret, struct err *e)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return FAIL(e, errno, "%s", argv[0]);
	ret->pid = fork();
	if (ret->pid == 0)
		exec_child(argv, ends[1], join_errors ? ends[1] : STDERR_FILENO);
	ret->output = ends[0];
	(void)close(ends[1]);
	if (ret->pid > 0)
		return 0;
	err_set(e, errno, "%s", argv[0]);
	(void)close(ends[0]);
	return -1;
}

int subprocess_start(const char *const *argv, struct subprocess *ret, struct err *e)
{
	return start(argv, false, ret, e);
}

int subprocess_end(const struct subprocess *p)
{
	return wait_for(p->pid);
}

int subprocess_run(
	const char *const *argv, unsigned wait_ms, char *output, size_t cap, struct err *e)
{
	uint64_t until = clock_now() + wait_ms;
	struct subprocess child;
	bool in_time;
	int status;

	output[0] = '\0';
	if (start(argv, true, &child, e) != 0)
		return -1;
	in_time = read_output(child.output, until, output, cap);
	(void)close(child.output);
	if (!in_time)
		(void)kill(child.pid, SIGKILL);
	status = wait_for(child.pid);
	return in_time ? status : FAIL(e, ETIMEDOUT, "%s", argv[0]);
}
