/* What is tried in a process of its own, because it gives up rights, hangs, or is killed. */
#ifndef DSP_CHILD_H
#define DSP_CHILD_H

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* In a function for in_child: if it is not so, says which line, and returns 1. */
#define MUST(truth)                                                                                \
	do {                                                                                       \
		if (!(truth)) {                                                                    \
			(void)fprintf(stderr, "# %s:%d: not so: %s; errno %d\n", __FILE__,         \
				__LINE__, #truth, errno);                                          \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

/*
 * Runs what in a child, for at most so many seconds; it must return 0. No leak is looked for at its
 * end: that needs calls which a sandbox refuses.
 */
static inline void in_child(int (*what)(void), unsigned seconds)
{
	int status = 0;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		(void)alarm(seconds);
		_exit(what());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status))
		fail_msg("it ended by signal %d", WTERMSIG(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#endif
