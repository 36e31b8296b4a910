#include "failed_start.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char mark[] = "start-failed";

/* The first directory of RUNTIME_DIRECTORY, which the caller closes; -1: there is none. */
static int open_directory(void)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	const char *path = getenv("RUNTIME_DIRECTORY");

	if (!path || path[0] != '/' || strchr(path, ':'))
		return -1;
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

bool failed_start_mark(void)
{
	int directory = open_directory();
	int made = -1;

	if (directory < 0)
		return false;
	if (unlinkat(directory, mark, 0) != 0)
		made = openat(directory, mark, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (made >= 0)
		(void)close(made);
	(void)close(directory);
	return made >= 0;
}

void failed_start_clear(void)
{
	int directory = open_directory();

	if (directory < 0)
		return;
	(void)unlinkat(directory, mark, 0);
	(void)close(directory);
}
