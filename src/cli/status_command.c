/* dsp status, dsp reload: show the state of the running dspd, make it read its settings again. */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dsp/config/command.h"
#include "dsp/config/output.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/settings.h"
#include "dsp/dockerd/dockerd_api.h"
#include "dsp/protocol/http_client.h"
#include "dsp/protocol/protocol.h"
#include "dsp/system/clock.h"

enum {
	WAIT_MS = 5000,
	LABEL = 12, /* columns before the text of a line */
};

static const struct option reload_options[] = { { "socket", required_argument, NULL, 's' },
	{ "json", no_argument, NULL, 'j' }, { NULL, 0, NULL, 0 } };
static const struct option status_options[] = { { "socket", required_argument, NULL, 's' },
	{ "json", no_argument, NULL, 'j' }, { "asked", no_argument, NULL, 'a' },
	{ NULL, 0, NULL, 0 } };

struct arguments {
	const char *command;
	const char *socket;
	bool json;
	bool asked; /* check that dockerd asks it */
};

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "?";
}

static long long number_of(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

static void print_line(const char *label, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* "profile     guard" */
static void print_line(const char *label, const char *fmt, ...)
{
	char text[1000];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	(void)printf("%-*s", LABEL, label);
	output_wrapped(LABEL, text);
}

/* "file /x (changes); 7 decisions: 5 written, 1 folded, 1 not logged" */
static void print_audit(const json_t *o)
{
	static const char *const words[][2] = { { "written", "written" }, { "folded", "folded" },
		{ "dropped", "DROPPED" }, { "waiting", "waiting" }, { "unlogged", "not logged" } };
	bool off = strcmp(text_of(o, "to"), "off") == 0;
	const char *path = text_of(o, "path");
	const char *before = ":";
	char text[1000];
	struct line l;

	line_init(&l, text, sizeof(text));
	line_add(&l, "%s%s%s", text_of(o, "to"), path[0] != '\0' ? " " : "", path);
	if (!off)
		line_add(&l, " (%s)", text_of(o, "log"));
	line_add(&l, "; %lld decisions", number_of(o, "decisions"));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && !off; i++) {
		if (number_of(o, words[i][0]) == 0)
			continue;
		line_add(&l, "%s %lld %s", before, number_of(o, words[i][0]), words[i][1]);
		before = ",";
	}
	print_line("audit", "%s", text);
}

static void print_fault(const char *label, const char *text)
{
	output_shaded(OUTPUT_BAD, span_of(label));
	output_wrapped(strlen(label), text);
}

/* What is wrong, before all else. */
static void print_faults(const json_t *o)
{
	const char *trouble = json_string_value(
		json_object_get(json_object_get(o, "audit"), "trouble"));
	const char *owners = json_string_value(
		json_object_get(json_object_get(o, "owners"), "trouble"));
	const json_t *lookups = json_object_get(o, "lookups");

	if (strcmp(text_of(o, "mode"), "monitor") == 0)
		print_fault(
			"MONITOR MODE: ", "dsp denies nothing, it only logs what it would deny");
	if (json_is_true(json_object_get(o, "broken"))) {
		print_fault("BROKEN SETTINGS: ", "dsp denies every request");
		(void)printf("  ");
		output_wrapped(2, text_of(o, "reason"));
	}
	if (trouble && trouble[0] != '\0')
		print_fault("AUDIT LOG: ", trouble);
	if (owners && owners[0] != '\0')
		print_fault("OWNERS: ", owners);
	if (json_is_object(lookups) && !json_is_true(json_object_get(lookups, "running")))
		print_fault("LOOK-UPS HAVE ENDED: ",
			"dsp denies every mount of the host; systemctl restart dsp");
}

static void print_lookups(const json_t *o)
{
	if (!json_is_object(o))
		return;
	if (!json_is_true(json_object_get(o, "sees_all")))
		print_line("look-ups", "cannot see into directories that are closed to dsp's user");
	if (number_of(o, "failures") > 0)
		print_line("look-ups", "%lld failed, %lld restarts; the last: %s",
			number_of(o, "failures"), number_of(o, "restarts"), text_of(o, "trouble"));
}

/* "in force    2026-11-29T17:08:48Z" */
static void print_date(const char *label, const json_t *o, const char *key, const char *more)
{
	char date[CLOCK_TEXT_ROOM];
	long long at = number_of(o, key);

	if (at <= 0)
		return;
	clock_write((uint64_t)at * 1000000, date);
	print_line(label, "%.19sZ%s", date, more);
}

/* The time since the start, where that is at least an hour. */
static void print_start(const json_t *o)
{
	long long hours = ((long long)(clock_date_us() / 1000000) - number_of(o, "started")) / 3600;
	char text[64] = "";

	if (hours > 0)
		(void)snprintf(text, sizeof(text), ", up %lld d %lld h", hours / 24, hours % 24);
	print_date("started", o, "started", text);
}

/* "ALLOW_EXEC=1 (env file), DSP_PROFILE=hardened (policy file)" */
static void print_flags(const json_t *list)
{
	char text[2000];
	struct line l;
	const json_t *v;
	size_t i;

	line_init(&l, text, sizeof(text));
	json_array_foreach (list, i, v)
		line_add(&l, "%s%s=%s (%s)", i > 0 ? ", " : "", text_of(v, "flag"),
			text_of(v, "value"), text_of(v, "source"));
	if (json_is_array(list))
		print_line("flags", "%s", l.n > 0 ? text : "none is set");
}

static void print_asked(const json_t *o)
{
	const json_t *asked = json_object_get(o, "asked");
	const json_t *requests = json_object_get(o, "requests");

	if (json_is_boolean(asked))
		print_line("asked", "%s",
			json_is_true(asked) ? "yes, dockerd asks this dspd"
					    : "NO: dockerd does not ask this dspd; run dsp doctor");
	else if (asked)
		print_line("asked", "unknown: %s", text_of(o, "asked_error"));
	print_date("last asked", o, "last_request", "");
	if (requests)
		print_line("requests", "%lld allowed (%lld only by monitor mode), %lld denied",
			number_of(requests, "allowed"), number_of(requests, "monitored"),
			number_of(requests, "denied"));
}

static void print_resolver(const json_t *o)
{
	const char *seccomp = text_of(o, "seccomp");

	if (strcmp(text_of(o, "state"), "known") == 0)
		print_line("dockerd", "%s, default runtime %s, seccomp profile %s",
			text_of(o, "version"), text_of(o, "default_runtime"),
			seccomp[0] != '\0' ? seccomp : "none");
	else if (strcmp(text_of(o, "state"), "failed") == 0)
		print_line("dsp-resolve", "does not answer: %s", text_of(o, "trouble"));
}

static void print_owners(const json_t *o)
{
	if (json_is_true(json_object_get(o, "on")))
		print_line("owners", "%lld things have one, in %s", number_of(o, "count"),
			text_of(o, "path"));
}

static void print_grants(const json_t *list)
{
	const json_t *grant;
	size_t root = 0;
	size_t i;

	json_array_foreach (list, i, grant)
		root += json_is_true(json_object_get(grant, "root"));
	if (json_array_size(list) > 0)
		print_line("grants", "%zu open%s: dsp grants", json_array_size(list),
			root > 0 ? ", a direct way to root among them" : "");
}

static void print_state(const json_t *o)
{
	const char *policy = text_of(o, "policy");

	print_faults(o);
	print_line("version", "%s", text_of(o, "version"));
	print_start(o);
	print_date("in force", o, "since", "");
	print_line("generation", "%lld", number_of(o, "generation"));
	print_line("policy", "%s", strcmp(policy, "-") == 0 ? "none" : policy);
	print_line("profile", "%s", text_of(o, "profile"));
	print_line("mode", "%s", text_of(o, "mode"));
	print_flags(json_object_get(o, "flags"));
	print_line("rules", "%lld", number_of(o, "rules"));
	print_asked(o);
	if (json_object_get(o, "audit"))
		print_audit(json_object_get(o, "audit"));
	print_lookups(json_object_get(o, "lookups"));
	print_resolver(json_object_get(o, "resolver"));
	print_owners(json_object_get(o, "owners"));
	print_grants(json_object_get(o, "grants"));
	if (number_of(o, "pending") > 0)
		print_line("pending", "%lld requests wait for an answer: dsp pending",
			number_of(o, "pending"));
	if (json_is_true(json_object_get(json_object_get(o, "watch"), "on")))
		print_line("watched", "by dsp watch");
}

static json_t *shown_text(const char *text)
{
	char shown[400];

	text_escape(span_of(text), shown, sizeof(shown));
	return json_string(shown);
}

static int fail(const struct arguments *a, const char *text, const char *hint)
{
	json_auto_t *o = a->json ? json_pack("{s:s}", "error", text) : NULL;

	if (a->json)
		output_json(o);
	(void)fprintf(stderr, "dsp %s: %s%s\n", a->command, text, hint);
	return EXIT_FINDINGS;
}

/* Sends dockerd a ping that dspd must see, and adds the result to o. */
static enum probe_result add_asked(const struct arguments *a, json_t *o, struct err *e)
{
	enum probe_result probe = dockerd_asks(NULL, a->socket, e);

	if (probe == PROBE_NOT_ASKED)
		err_set(e, 0, "dockerd does not ask this dspd; run dsp doctor");
	(void)json_object_set_new(o, "asked",
		probe == PROBE_UNKNOWN ? json_null() : json_boolean(probe == PROBE_ASKED));
	(void)json_object_set_new(
		o, "asked_error", probe == PROBE_ASKED ? json_null() : shown_text(e->text));
	return probe;
}

static int end_asked(const struct arguments *a, enum probe_result probe, const struct err *e)
{
	if (probe == PROBE_ASKED || !a->asked)
		return EXIT_FINE;
	(void)fprintf(stderr, "dsp %s: %s\n", a->command, e->text);
	return EXIT_UNPROTECTED;
}

/* What a reload that was refused leaves in force. */
static const char *what_stays(const struct arguments *a)
{
	struct err e;
	json_auto_t *o = http_client_ask_dsp(a->socket, ENDPOINT_STATUS, WAIT_MS, NULL, &e);

	return json_is_true(json_object_get(o, "broken")) ? "; dsp still denies every request"
							  : "; the old settings stay in force";
}

static int show(const struct arguments *a, const char *endpoint)
{
	enum probe_result probe = PROBE_ASKED;
	struct err e;
	int status = 0;
	json_auto_t *o = http_client_ask_dsp(a->socket, endpoint, WAIT_MS, &status, &e);

	if (!o)
		return fail(a, e.text, command_hint(&e));
	if (status != 200)
		return fail(a, text_of(o, "Err"), status == 409 ? what_stays(a) : "");
	if (strcmp(endpoint, ENDPOINT_STATUS) == 0)
		probe = add_asked(a, o, &e);
	if (a->json)
		output_json(o);
	else
		print_state(o);
	if (json_is_true(json_object_get(o, "broken")))
		return EXIT_FINDINGS;
	return end_asked(a, probe, &e);
}

static int parse_arguments(struct arguments *a, const struct command *c, int argc, char **argv)
{
	int o;

	a->command = c->name;
	while ((o = command_option(c, argc, argv)) != -1) {
		if (o == 's')
			a->socket = optarg;
		else if (o == 'j')
			a->json = true;
		else if (o == 'a')
			a->asked = true;
		else
			return EXIT_USAGE;
	}
	if (optind < argc)
		return command_usage(a->command, "%s: not expected", argv[optind]);
	a->socket = command_running_socket(a->socket);
	return 0;
}

static int control(const struct command *c, int argc, char **argv, const char *endpoint)
{
	struct arguments a = { .command = NULL };
	int rc = parse_arguments(&a, c, argc, argv);

	return rc != 0 ? rc : show(&a, endpoint);
}

static int run_status(int argc, char **argv)
{
	return control(&status_command, argc, argv, ENDPOINT_STATUS);
}

static int run_reload(int argc, char **argv)
{
	return control(&reload_command, argc, argv, ENDPOINT_RELOAD);
}

const struct command status_command = {
	.name = "status",
	.arguments = "[--asked] [--socket PATH] [--json]",
	.run = run_status,
	.options = status_options,
	.summary = "show the settings in force and the state of the running dspd",
	.help = "  --asked        return status 3 if dockerd does not ask this dspd, or none runs\n"
		"  --socket PATH  the socket of dspd (DSP_SOCKET; default " SETTINGS_SOCKET ",\n"
		"                 or that of the managed plugin dsp)\n"
		"  --json         print JSON\n"
		"\n"
		"As root the command sends dockerd a ping, which must arrive at dspd.\n"
		"Status 0: dspd runs; 1: dspd does not answer, or denies every request because its\n"
		"settings are broken; with --asked, 3: dspd runs, and dockerd does not ask it.\n",
};

const struct command reload_command = {
	.name = "reload",
	.arguments = "[--socket PATH] [--json]",
	.run = run_reload,
	.options = reload_options,
	.summary = "make the running dspd read its env file and policy file again",
	.help = "  --socket PATH  the socket of dspd (DSP_SOCKET; default " SETTINGS_SOCKET ",\n"
		"                 or that of the managed plugin dsp)\n"
		"  --json         print JSON\n"
		"\n"
		"Status 0: the new settings are in force; 1: they are broken and the old ones stay in\n"
		"force, or dspd does not answer. SIGHUP does the same and reports only in the log.\n",
};
