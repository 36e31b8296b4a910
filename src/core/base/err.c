#include "dsp/core/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list args;
	size_t used;

	va_start(args, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, args);
	va_end(args);
	e->code = code;
	used = strlen(e->text);
	if (code != 0 && used + 3 < sizeof(e->text))
		(void)snprintf(
			e->text + used, sizeof(e->text) - used, ": %s", strerrordesc_np(code));
}
