#include "dsp/system/signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>

static sigset_t block(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	return set;
}

void signals_block(void)
{
	(void)block();
}

int signals_open(struct err *e)
{
	sigset_t set = block();
	int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);

	return fd >= 0 ? fd : FAIL(e, errno, "signalfd");
}
