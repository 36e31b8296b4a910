#include "dsp/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

/* Lines that found no room since the last one that did. */
static atomic_ulong lost;

/* Where lines that are no faults go. */
static int lines_fd = STDERR_FILENO;

/* A pipe that polls writable takes a line of less than PIPE_BUF whole. */
static int has_room(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0;
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
	if (write(fd, line, (size_t)used + 1) < 0)
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
