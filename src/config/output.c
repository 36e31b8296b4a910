#include "dsp/config/output.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER } color;

void output_json(const json_t *value)
{
	(void)json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	(void)printf("\n");
}

bool output_set_color(const char *when)
{
	if (strcmp(when, "=auto") == 0)
		color = COLOR_AUTO;
	else if (strcmp(when, "") == 0 || strcmp(when, "=always") == 0)
		color = COLOR_ALWAYS;
	else if (strcmp(when, "=never") == 0)
		color = COLOR_NEVER;
	else
		return false;
	return true;
}

bool output_has_color(FILE *to)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	const char *no_color = getenv("NO_COLOR");
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	const char *term = getenv("TERM");

	if (color != COLOR_AUTO)
		return color == COLOR_ALWAYS;
	return isatty(fileno(to)) == 1 && term && term[0] != '\0' && strcmp(term, "dumb") != 0 &&
		!(no_color && no_color[0] != '\0');
}
