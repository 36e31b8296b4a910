#include "dsp/system/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "dsp/system/journal.h"

/* Lines lost since the last one that was written. */
static atomic_ulong lost;

/* Where log_line writes. */
static int lines_fd = STDERR_FILENO;

/* Whether standard error is the journal's. */
static bool in_journal;

/* A pipe that polls writable takes a whole line of less than PIPE_BUF. */
static int has_room(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0;
}

/* Replaces a broken stream; others who write to standard error get the new one too. */
static bool renew_stream(void)
{
	int fd = journal_stream();
	bool done = fd >= 0 && dup2(fd, STDERR_FILENO) >= 0;

	if (fd >= 0)
		(void)close(fd);
	return done;
}

static bool put(int fd, const char *line, size_t n)
{
	if (write(fd, line, n) >= 0)
		return true;
	return errno == EPIPE && in_journal && renew_stream() && write(fd, line, n) >= 0;
}

PRINTF_LIKE(2, 0) static void write_line(int fd, const char *fmt, va_list args)
{
	char line[1024];
	unsigned long before;
	int used;
	int n;

	if (!has_room(fd)) {
		lost++;
		return;
	}
	before = atomic_exchange(&lost, 0);
	used = before > 0 ? snprintf(line, sizeof(line), "dsp: (%lu lines lost) ", before)
			  : snprintf(line, sizeof(line), "dsp: ");
	n = vsnprintf(line + used, sizeof(line) - (size_t)used - 1, fmt, args);
	n = n < 0 ? 0 : n;
	used += n < (int)sizeof(line) - used - 1 ? n : (int)sizeof(line) - used - 2;
	line[used] = '\n';
	if (!put(fd, line, (size_t)used + 1))
		lost += before + 1;
}

void log_line(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	write_line(lines_fd, fmt, args);
	va_end(args);
}

void log_fault(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	write_line(STDERR_FILENO, fmt, args);
	va_end(args);
}

void log_to_dockerd(void)
{
	lines_fd = STDOUT_FILENO;
}

void log_to_journal(void)
{
	in_journal = true;
}
