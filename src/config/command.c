#include "dsp/config/command.h"

#include <stdarg.h>
#include <stdio.h>

int command_usage(const char *command, const char *fmt, ...)
{
	va_list args;

	(void)fprintf(stderr, "dsp %s: ", command);
	va_start(args, fmt);
	(void)vfprintf(stderr, fmt, args);
	va_end(args);
	(void)fprintf(stderr, "\nsee: dsp help %s\n", command);
	return EXIT_USAGE;
}
