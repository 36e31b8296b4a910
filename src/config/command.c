#include "dsp/config/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "dsp/core/policy/settings.h"

const char *command_socket(const char *option)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	const char *socket = option ? option : getenv("DSP_SOCKET");

	return socket && socket[0] != '\0' ? socket : SETTINGS_SOCKET;
}

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
