#include "dsp/config/output.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "dsp/system/clock.h"

enum {
	WIDTH_LEAST = 40,
	WIDTH_MOST = 1000,
	WIDTH_UNKNOWN = 80,
	NARROWEST = 10, /* of text behind a label */
	PROGRESS_AFTER_MS = 1000,
	PROGRESS_EVERY_MS = 200,
};

/* --- JSON --------------------------------------------------------------------------------------*/

void output_json_file(const json_t *value)
{
	(void)json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	(void)printf("\n");
}

void output_json(const json_t *object)
{
	json_auto_t *all = json_pack("{s:i}", "format", OUTPUT_FORMAT);

	(void)json_object_update(all, (json_t *)(uintptr_t)object);
	output_json_file(all);
}

/* --- colour ------------------------------------------------------------------------------------*/

static enum { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER } color;

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

void output_shaded(enum output_shade shade, struct span text)
{
	static const char *const codes[] = {
		[OUTPUT_GOOD] = "32", [OUTPUT_DOUBTFUL] = "33", [OUTPUT_BAD] = "1;31"
	};

	if (shade == OUTPUT_PLAIN || !output_has_color(stdout))
		(void)printf("%.*s", (int)text.n, text.s);
	else
		(void)printf("\033[%sm%.*s\033[0m", codes[shade], (int)text.n, text.s);
}

/* --- width -------------------------------------------------------------------------------------*/

size_t output_width(FILE *to)
{
	struct winsize size = { .ws_col = 0 };
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	const char *columns = getenv("COLUMNS");
	size_t width = WIDTH_UNKNOWN;

	if (isatty(fileno(to)) != 1)
		return 0;
	if (ioctl(fileno(to), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		width = size.ws_col;
	else if (columns)
		width = strtoul(columns, NULL, 10);
	if (width < WIDTH_LEAST)
		return WIDTH_LEAST;
	return width < WIDTH_MOST ? width : WIDTH_MOST;
}

size_t output_piece(const char *text, size_t width)
{
	size_t n = strlen(text);

	if (n <= width)
		return n;
	for (n = width; n > width / 4; n--) {
		if (text[n] == ' ')
			return n;
	}
	for (n = width; n > width / 4; n--) {
		if (strchr("/,_|=", text[n - 1]))
			return n;
	}
	return width;
}

void output_wrapped(size_t column, const char *text)
{
	size_t width = output_width(stdout);
	size_t indent = column < width / 3 ? column : width / 3;
	size_t room = width > column + NARROWEST ? width - column : NARROWEST;

	while (width > 0 && strlen(text) > room) {
		size_t n = output_piece(text, room);

		(void)printf("%.*s\n%*s", (int)n, text, (int)indent, "");
		text += n + strspn(text + n, " ");
		room = width - indent;
	}
	(void)printf("%s\n", text);
}

/* --- progress ----------------------------------------------------------------------------------*/

static uint64_t progress_next; /* the time of the next line; 0: no work is reported */
static bool progress_shown;

void output_progress(const char *what, uint64_t done, uint64_t all)
{
	uint64_t now;

	if (isatty(STDERR_FILENO) != 1)
		return;
	now = clock_now();
	if (progress_next == 0)
		progress_next = now + PROGRESS_AFTER_MS;
	if (now < progress_next)
		return;
	progress_next = now + PROGRESS_EVERY_MS;
	progress_shown = true;
	if (all > 0)
		(void)fprintf(stderr, "\r\033[K%s: %u %%", what, (unsigned)(done * 100 / all));
	else
		(void)fprintf(stderr, "\r\033[K%s: %llu MiB", what, (unsigned long long)done >> 20);
}

void output_progress_end(void)
{
	if (progress_shown)
		(void)fputs("\r\033[K", stderr);
	progress_shown = false;
	progress_next = 0;
}
