#include "dsp/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* Lines that found no room since the last one that did. */
static unsigned long lost;

/* A pipe that polls writable takes a line of less than PIPE_BUF whole. */
static int has_room(void)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0;
}

void log_line(const char *fmt, ...)
{
	char line[1024];
	va_list args;
	int used;
	int n;

	if (!has_room()) {
		lost++;
		return;
	}
	used = lost > 0 ? snprintf(line, sizeof(line), "dsp: (%lu lines lost) ", lost)
			: snprintf(line, sizeof(line), "dsp: ");
	va_start(args, fmt);
	n = vsnprintf(line + used, sizeof(line) - (size_t)used - 1, fmt, args);
	va_end(args);
	n = n < 0 ? 0 : n;
	used += n < (int)sizeof(line) - used - 1 ? n : (int)sizeof(line) - used - 2;
	line[used] = '\n';
	if (write(STDERR_FILENO, line, (size_t)used + 1) < 0)
		lost++;
	else
		lost = 0;
}
