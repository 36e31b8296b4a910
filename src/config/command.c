#include "dsp/config/command.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dsp/config/output.h"
#include "dsp/core/base/err.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/nearest.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/settings.h"

#define PLUGINS "/run/docker/plugins"

int command_managed_socket(const char *name, char *out, size_t cap)
{
	struct dirent **ids = NULL;
	int n = scandir(PLUGINS, &ids, NULL, alphasort);
	char path[400];
	int found = 0;
	struct stat st;
	struct line l;

	for (int i = 0; i < n; i++) {
		line_init(&l, path, sizeof(path));
		line_add(&l, PLUGINS "/%s/%s.sock", ids[i]->d_name, name);
		/* Of a plugin that is not managed, the directory has its name. */
		if (text_is_hex(span_of(ids[i]->d_name)) && !l.cut && l.n < cap &&
			stat(path, &st) == 0 && S_ISSOCK(st.st_mode) && ++found == 1)
			text_copy(span_of(path), out, cap);
		mem_free(ids[i]);
	}
	mem_free((void *)ids);
	return found;
}

/* NULL: neither the option nor the environment names a socket. */
static const char *named_socket(const char *option)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	const char *socket = option ? option : getenv("DSP_SOCKET");

	return socket && socket[0] != '\0' ? socket : NULL;
}

const char *command_socket(const char *option)
{
	const char *socket = named_socket(option);

	return socket ? socket : SETTINGS_SOCKET;
}

const char *command_running_socket(const char *option)
{
	static char managed[256];

	if (!named_socket(option) && access(SETTINGS_SOCKET, F_OK) != 0 &&
		command_managed_socket("dsp", managed, sizeof(managed)) == 1)
		return managed;
	return command_socket(option);
}

/* "dsp " before the name of a command of dsp. */
static const char *program_of(const char *name)
{
	return strcmp(name, "dspd") == 0 ? "" : "dsp ";
}

const char *command_hint(const struct err *e)
{
	if (e->code == ENOENT || e->code == ECONNREFUSED)
		return "; is dspd running? systemctl status dsp";
	return e->code == EACCES || e->code == EPERM ? "; run the command as root" : "";
}

int command_failed(const char *command, bool json, const struct err *e)
{
	json_auto_t *o = json ? json_pack("{s:s}", "error", e->text) : NULL;

	if (json)
		output_json(o);
	(void)fprintf(stderr, "dsp %s: %s%s\n", command, e->text, command_hint(e));
	return EXIT_FINDINGS;
}

int command_usage(const char *command, const char *fmt, ...)
{
	const char *program = program_of(command);
	va_list args;

	(void)fprintf(stderr, "%s%s: ", program, command);
	va_start(args, fmt);
	(void)vfprintf(stderr, fmt, args);
	va_end(args);
	(void)fprintf(stderr, "\nsee: %s%s --help\n", program, command);
	return EXIT_USAGE;
}

/* Where the text of a line of help begins: behind "  --option VALUE  ", or behind its blanks. */
static size_t text_column(struct span line)
{
	size_t at = 0;

	while (at < line.n && line.s[at] == ' ')
		at++;
	for (size_t i = at; at == 2 && i + 2 < line.n; i++) {
		if (line.s[i] != ' ' || line.s[i + 1] != ' ')
			continue;
		while (line.s[i] == ' ')
			i++;
		return i;
	}
	return at;
}

void command_print_help(const struct command *c)
{
	struct span rest = span_of(c->help);
	char line[400];
	int n = printf("usage: %s%s ", program_of(c->name), c->name);

	output_wrapped((size_t)n, c->arguments);
	output_wrapped(0, c->summary);
	if (rest.n > 0)
		(void)printf("\n");
	while (rest.n > 0) {
		struct span part = span_cut(&rest, '\n');
		size_t column = text_column(part);

		text_copy(span_after(part, column), line, sizeof(line));
		(void)printf("%.*s", (int)column, part.s);
		output_wrapped(column, line);
	}
}

int command_end(const char *name, int status)
{
	bool failed = ferror(stdout) != 0;
	struct err e;

	errno = 0;
	failed = fflush(stdout) != 0 || failed;
	if (!failed)
		return status;
	err_set(&e, errno, "cannot write standard output");
	/* A reader that went away needs no message. */
	if (e.code != EPIPE)
		(void)fprintf(stderr, "%s%s: %s\n", program_of(name), name, e.text);
	return status == EXIT_FINE ? EXIT_FINDINGS : status;
}

/* --- options -----------------------------------------------------------------------------------*/

static bool takes_value(const struct command *c, const char *word)
{
	if (!c || !c->options || strncmp(word, "--", 2) != 0)
		return false;
	for (const struct option *o = c->options; o->name; o++) {
		if (o->has_arg == required_argument && strcmp(o->name, word + 2) == 0)
			return true;
	}
	return false;
}

static bool is_either(const char *word, const char *one, const char *other)
{
	return strcmp(word, one) == 0 || strcmp(word, other) == 0;
}

enum command_shared command_shared_options(const struct command *c, int *argc, char **argv)
{
	static const char color[] = "--color";
	enum command_shared found = SHARED_NOTHING;
	int kept = 1;
	int i;

	for (i = 1; i < *argc && strcmp(argv[i], "--") != 0; i++) {
		const char *word = argv[i];
		bool own = !takes_value(c, argv[i - 1]); /* not the value of another option */

		if (own && is_either(word, "-h", "--help")) {
			found = SHARED_HELP;
		} else if (own && is_either(word, "-V", "--version")) {
			found = found == SHARED_HELP ? found : SHARED_VERSION;
		} else if (own && strncmp(word, color, sizeof(color) - 1) == 0) {
			if (!output_set_color(word + sizeof(color) - 1)) {
				(void)fprintf(stderr,
					"dsp: %s: write --color=auto, --color=always or --color=never\n",
					word);
				return SHARED_WRONG;
			}
		} else {
			argv[kept++] = argv[i];
		}
	}
	while (i < *argc)
		argv[kept++] = argv[i++];
	argv[kept] = NULL;
	*argc = kept;
	return found;
}

/* Prints that there is no such option, and the nearest one. */
static void report_unknown(const struct command *c, const char *word)
{
	const char *name = word + strspn(word, "-");
	struct nearest near = nearest_to((struct span){ name, strcspn(name, "=") }, 0);

	for (const struct option *o = c->options; o && o->name; o++) {
		nearest_try(&near, span_of(o->name));
		/* -j may be meant for --json. */
		if (near.word.n == 0 && near.name.n == 1 && o->name[0] == name[0])
			near.word = span_of(o->name);
	}
	if (near.word.n == 0)
		(void)command_usage(c->name, "no option \"%s\"", word);
	else
		(void)fprintf(stderr, "%s%s: no option \"%s\"; did you mean \"--%.*s\"?\n",
			program_of(c->name), c->name, word, (int)near.word.n, near.word.s);
}

/* Whether the command writes a file: then -o is --output. */
static bool has_output(const struct command *c)
{
	for (const struct option *o = c->options; o && o->name; o++) {
		if (strcmp(o->name, "output") == 0)
			return true;
	}
	return false;
}

int command_option(const struct command *c, int argc, char **argv)
{
	static const struct option none[] = { { NULL, 0, NULL, 0 } };
	const char *letters = has_output(c) ? ":o:" : ":";
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	int o = getopt_long(argc, argv, letters, c->options ? c->options : none, NULL);
	const char *word = optind > 0 ? argv[optind - 1] : "";
	char letter[] = "-?";

	if (o == ':') {
		(void)command_usage(c->name, "%s: its value is missing", word);
		return '?';
	}
	if (o != '?')
		return o;
	/* A letter stands in optopt; so does a long option with a value that it does not take. */
	if (strncmp(word, "--", 2) == 0 && optopt != 0) {
		(void)command_usage(c->name, "%s: it takes no value", word);
	} else if (optopt != 0) {
		letter[1] = (char)optopt;
		report_unknown(c, letter);
	} else {
		report_unknown(c, word);
	}
	return '?';
}
