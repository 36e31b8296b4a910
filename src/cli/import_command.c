/* dsp import: makes a dsp.env from the settings that start a socket proxy. */
#include <stdio.h>

#include "dsp/config/command.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/meanings.h"
#include "dsp/core/policy/settings.h"
#include "dsp/core/policy/settings_review.h"
#include "dsp/system/file.h"
#include "import.h"

enum { INPUT_MOST = 1 << 20, NOTE_MOST = 480 };

void import_add(struct import *to, struct span name, struct span value)
{
	json_t *o = json_object();

	(void)json_object_set_new_nocheck(o, "name", json_stringn_nocheck(name.s, name.n));
	if (value.s)
		(void)json_object_set_new_nocheck(
			o, "value", json_stringn_nocheck(value.s, value.n));
	(void)json_array_append_new(to->variables, o);
}

void import_add_pair(struct import *to, struct span pair)
{
	size_t sign = span_find(pair, '=');
	struct span none = { NULL, 0 };

	import_add(to, (struct span){ pair.s, sign },
		sign < pair.n ? span_after(pair, sign + 1) : none);
}

/* As a comment of a file: one line of printable ASCII. */
__attribute__((format(printf, 3, 0))) static void add_note(
	struct import *to, const char *label, const char *fmt, va_list args)
{
	char text[NOTE_MOST];
	size_t n = strlen(label);

	text_copy(span_of(label), text, sizeof(text));
	(void)vsnprintf(text + n, sizeof(text) - n, fmt, args);
	for (char *c = text; *c; c++)
		*c = *c < ' ' || *c > '~' ? '?' : *c;
	(void)json_array_append_new(to->notes, json_string(text));
}

void import_note(struct import *to, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_note(to, "Not carried over: ", fmt, args);
	va_end(args);
	to->lost = true;
}

PRINTF_LIKE(2, 3) static void note_change(struct import *to, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_note(to, "Changed: ", fmt, args);
	va_end(args);
}

/* The name without a prefix that a .env file of compose has. */
static struct span without_prefix(struct span name)
{
	struct span rest = name;

	if (flag_find(name) < FLAG_COUNT || span_starts(name, SPAN("DSP_")) ||
		span_starts(name, SPAN("ALLOW")) || span_starts(name, SPAN("SP_")))
		return name;
	while (span_find(rest, '_') < rest.n) {
		(void)span_cut(&rest, '_');
		if (flag_find(rest) < FLAG_COUNT)
			return rest;
	}
	return name;
}

/* --- the profile -------------------------------------------------------------------------------*/

static struct span name_of(const json_t *variable)
{
	const json_t *name = json_object_get(variable, "name");

	return (struct span){ json_string_value(name), json_string_length(name) };
}

static struct span value_of(const json_t *variable)
{
	const json_t *value = json_object_get(variable, "value");

	return (struct span){ json_string_value(value), json_string_length(value) };
}

/* Names that linuxserver's proxy has, and Tecnativa's has not. */
static bool is_linuxserver(struct span name)
{
	static const char *const names[] = { "ALLOW_PAUSE", "ALLOW_UNPAUSE", "ALLOW_LOGS",
		"ALLOW_TOP", "ALLOW_CHANGES", "ALLOW_ARCHIVE", "ALLOW_EXPORT", "PUID", "PGID",
		"UMASK" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (span_equal(name, span_of(names[i])))
			return true;
	}
	return span_starts(name, SPAN("LIBPOD_"));
}

struct choice {
	const char *profile; /* NULL: none is written */
	const char *why;
	bool given; /* the input is dsp's own, and its words have dsp's meaning */
};

static struct choice choose(const struct import *from)
{
	bool linuxserver = false;
	bool proxy = false;
	json_t *one;
	size_t i;

	json_array_foreach (from->variables, i, one) {
		struct span name = without_prefix(name_of(one));
		size_t flag = flag_find(name);

		if (span_equal(name, SPAN("DSP_PROFILE")))
			return (struct choice){ .given = true };
		linuxserver = linuxserver || is_linuxserver(name);
		proxy = proxy || flag <= FLAG_POST || span_equal(name, SPAN("ALLOW_RESTARTS")) ||
			span_equal(name, SPAN("ALLOW_START")) ||
			span_equal(name, SPAN("ALLOW_STOP"));
	}
	if (strstr(from->image, "linuxserver/socket-proxy"))
		return (struct choice){ "linuxserver", "the image is linuxserver's", false };
	if (strstr(from->image, "docker-socket-proxy"))
		return (struct choice){ "tecnativa", "the image is Tecnativa's", false };
	if (linuxserver)
		return (struct choice){ "linuxserver", "linuxserver's proxy has these names",
			false };
	if (proxy)
		return (struct choice){ "tecnativa",
			"the input names no image; if it is linuxserver's, write linuxserver",
			false };
	return (struct choice){ .given = true };
}

/* --- the lines of dsp.env ----------------------------------------------------------------------*/

struct output {
	struct import *from;
	struct settings *settings; /* what was printed */
	size_t printed;            /* how many, besides the profile */
	bool proxy;                /* values have the meaning that they have for a proxy */
};

/* ${X:-y}, ${X-y}: y. Without a default: false. Other texts are left alone. */
static bool expand(struct span *value)
{
	struct span inner;
	size_t at;

	if (!memmem(value->s, value->n, "${", 2))
		return span_find(*value, '$') == value->n;
	if (!span_starts(*value, SPAN("${")) || !span_ends(*value, SPAN("}")))
		return false;
	inner = (struct span){ value->s + 2, value->n - 3 };
	at = span_find(inner, '-');
	if (at == inner.n || span_find(inner, '?') < at || span_find(inner, '+') < at)
		return false;
	*value = span_after(inner, at + 1);
	return span_find(*value, '$') == value->n;
}

/* A word that is 0 to HAProxy and to dsp. */
static bool is_off(struct span value)
{
	return value.n <= 5 && text_in_list(value, "false,False,FALSE,no,No,NO,off,Off,OFF");
}

/* A flag's value as HAProxy reads it: a number, and words as 0. */
static struct span proxy_value(struct output *o, struct span name, struct span value)
{
	bool number = value.n > 0;
	bool zero = true;

	for (size_t i = 0; i < value.n; i++) {
		number = number && value.s[i] >= '0' && value.s[i] <= '9';
		zero = zero && value.s[i] == '0';
	}
	if (number && value.n == 1 && value.s[0] <= '1')
		return value;
	if (is_off(value))
		return SPAN("0");
	note_change(o->from, "%.*s=%.*s is %d to the proxy; if you mean the other, write %.*s=%d",
		(int)name.n, name.s, (int)value.n, value.s, number && !zero, (int)name.n, name.s,
		!(number && !zero));
	return number && !zero ? SPAN("1") : SPAN("0");
}

static void print_setting(struct output *o, struct span name, struct span value)
{
	bool quoted = value.n == 0 || value.s[0] == '#' || memmem(value.s, value.n, " #", 2) ||
		value.s[0] == '"' || value.s[0] == '\'';
	char shown[300];
	struct err e;

	text_escape(value, shown, sizeof(shown));
	if (settings_parse(o->settings, name, value, SOURCE_FILE, &e) != 0) {
		import_note(o->from, "%s", e.text);
	} else if (!span_equal(value, span_of(shown))) {
		import_note(o->from, "%.*s: its value has unusual characters", (int)name.n, name.s);
	} else {
		o->printed++;
		(void)printf("%.*s=%s%s%s\n", (int)name.n, name.s, quoted ? "\"" : "", shown,
			quoted ? "\"" : "");
	}
}

/* A name that dsp does not have. Names of other programs are only mentioned. */
static void note_unknown(struct import *from, struct span name, const char *value)
{
	const char *near;
	char meant[160];

	(void)meaning_write(MEANING_SETTING, name, meant, sizeof(meant));
	near = meant[0] ? NULL : flag_nearest(name, 0).word.s;
	if (meant[0])
		import_note(from, "%.*s=%s: no setting; %s", (int)name.n, name.s, value, meant);
	else if (near)
		import_note(from, "%.*s=%s: no setting; did you mean %s?", (int)name.n, name.s,
			value, near);
	else if (span_starts(name, SPAN("ALLOW")))
		import_note(from, "%.*s=%s: no setting", (int)name.n, name.s, value);
	else
		note_change(from, "%.*s left out: no setting", (int)name.n, name.s);
}

static void print_variable(struct output *o, const json_t *variable)
{
	struct span written = name_of(variable);
	struct span value = value_of(variable);
	struct span name = without_prefix(written);
	size_t flag = flag_find(name);
	char shown[80];

	text_escape(value, shown, sizeof(shown));
	if (flag == FLAG_COUNT) {
		note_unknown(o->from, name, shown);
		return;
	}
	if (flag_at(flag)->kind == FLAG_KIND_IGNORED) {
		note_change(o->from, "%.*s left out: %s, which means nothing here", (int)written.n,
			written.s, flag_at(flag)->what);
		return;
	}
	if (!value.s || !expand(&value)) {
		import_note(o->from, "%.*s%s%s: the input does not have its value", (int)written.n,
			written.s, value.s ? "=" : "", shown);
		return;
	}
	if (!span_equal(value, value_of(variable)))
		note_change(o->from, "%.*s=%s: its default was taken", (int)name.n, name.s, shown);
	if (name.n != written.n)
		note_change(o->from, "%.*s was taken as %.*s", (int)written.n, written.s,
			(int)name.n, name.s);
	if (o->proxy && flag_at(flag)->kind != FLAG_KIND_SETTING)
		value = proxy_value(o, name, value);
	print_setting(o, name, value);
}

/* --- other proxies -----------------------------------------------------------------------------*/

static void note_patterns(struct output *o, struct span text)
{
	static const struct {
		const char *sign;
		const char *what;
	} signs[] = {
		{ "wollomatic/", "the patterns of wollomatic's socket-proxy" },
		{ "-allowGET", "the patterns of wollomatic's socket-proxy" },
		{ "-allowPOST", "the patterns of wollomatic's socket-proxy" },
		{ "-allowHEAD", "the patterns of wollomatic's socket-proxy" },
		{ "SP_ALLOW_", "the patterns of wollomatic's socket-proxy" },
		{ "socket-proxy.allow.", "the labels of wollomatic's socket-proxy" },
		{ "sockguard", "the rules of sockguard" },
		{ "SOCKGUARD_", "the rules of sockguard" },
		{ "package docker.authz", "the program of opa-docker-authz" },
	};
	const char *last = NULL;

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		if (!memmem(text.s, text.n, signs[i].sign, strlen(signs[i].sign)) ||
			(last && strcmp(last, signs[i].what) == 0))
			continue;
		last = signs[i].what;
		import_note(o->from, "%s: man 7 dsp-migrate turns them into a policy file", last);
	}
}

/* --- the command -------------------------------------------------------------------------------*/

static int fail(const char *file, const char *text)
{
	(void)fprintf(stderr, "dsp import: %s: %s\n", file, text);
	return EXIT_USAGE;
}

/* What dsp check says of these settings, as comments. */
static void print_notices(struct output *o)
{
	AUTO_MEM struct policy *policy = mem_array(1, sizeof(*policy));
	struct span rest;

	if (!policy)
		return;
	settings_finish(o->settings);
	policy_compile(o->settings, SETTINGS_SOCKET, NULL, policy);
	settings_review(o->settings, policy);
	rest = span_of(o->settings->notices);
	while (rest.n > 0) {
		struct span line = span_cut(&rest, '\n');

		(void)printf("# %.*s\n", (int)line.n, line.s);
	}
}

static void print_all(struct output *o, const char *file)
{
	struct choice choice = choose(o->from);
	json_t *one;
	size_t i;

	o->proxy = !choice.given;
	(void)printf("# Made by dsp import from %s%s%s.\n",
		strcmp(file, "-") == 0 ? "its input" : file,
		o->from->service[0] ? ", service " : "", o->from->service);
	if (choice.profile) {
		(void)printf("# The profile: %s.\n", choice.why);
		print_setting(o, SPAN("DSP_PROFILE"), span_of(choice.profile));
	}
	json_array_foreach (o->from->variables, i, one)
		print_variable(o, one);
	json_array_foreach (o->from->notes, i, one)
		(void)printf("# %s\n", json_string_value(one));
	print_notices(o);
}

static int import(const char *file, const char *service)
{
	struct import all = { .lost = false };
	struct output o = { .from = &all };
	AUTO_MEM char *text = NULL;
	AUTO_MEM struct settings *settings = mem_array(1, sizeof(*settings));
	struct span input;
	struct err e;
	int rc;

	if (!settings)
		return fail(file, "no memory");
	settings_init(settings);
	o.settings = settings;
	if (file_read(file, (size_t)INPUT_MOST, &text, &input.n, &e) != 0)
		return fail(file, e.text);
	input.s = text;
	all.variables = json_array();
	all.notes = json_array();
	if (span_starts(input, SPAN("\xef\xbb\xbf")))
		input = span_after(input, 3);
	if (span_find(input, '\0') < input.n)
		rc = FAIL(&e, 0, "no text; if it is UTF-16: iconv -f UTF-16 -t UTF-8 FILE");
	else
		rc = import_yaml(&all, input, service, &e);
	if (rc == 0)
		import_lines(&all, input);
	note_patterns(&o, input);
	/* A file without settings means profile guard: nothing is printed that may become one. */
	if (json_array_size(all.variables) > 0)
		print_all(&o, file);
	else
		rc = fail(file,
			all.lost         ? json_string_value(json_array_get(all.notes, 0))
				: rc < 0 ? e.text
					 : "no setting in it");
	json_decref(all.variables);
	json_decref(all.notes);
	return rc == EXIT_USAGE ? EXIT_USAGE : all.lost ? EXIT_FINDINGS : EXIT_FINE;
}

static const struct option options[] = { { "service", required_argument, NULL, 's' },
	{ NULL, 0, NULL, 0 } };

static int run_import(int argc, char **argv)
{
	const char *service = NULL;
	int o;

	while ((o = command_option(&import_command, argc, argv)) != -1) {
		if (o != 's')
			return EXIT_USAGE;
		service = optarg;
	}
	if (argc - optind != 1)
		return command_usage("import", "write one file, or - for standard input");
	return import(argv[optind], service);
}

const struct command import_command = {
	.name = "import",
	.arguments = "FILE|- [--service NAME]",
	.run = run_import,
	.options = options,
	.summary = "convert the settings of a socket proxy into a dsp.env",
	.help = "  FILE            a compose file or a part of it, docker run -e lines, an env file,\n"
		"                  or what docker inspect prints; -: standard input\n"
		"  --service NAME  the service of the compose file, if several have such settings\n"
		"\n"
		"A comment names each thing that could not be carried over, or that changed.\n"
		"Status 0: all that decides was carried over; 1: not all; 2: the file cannot be read.\n",
};
