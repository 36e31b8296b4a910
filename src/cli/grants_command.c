/* dsp grants, dsp revoke: list and end what dsp allow gave. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "dsp/config/command.h"
#include "dsp/config/output.h"
#include "dsp/config/table.h"
#include "dsp/core/base/duration.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/settings.h"
#include "grants_client.h"

static const struct option grants_options[] = { { "socket", required_argument, NULL, 's' },
	{ "json", no_argument, NULL, 'j' }, { NULL, 0, NULL, 0 } };
static const struct option revoke_options[] = { { "all", no_argument, NULL, 'a' },
	{ "socket", required_argument, NULL, 's' }, { "json", no_argument, NULL, 'j' },
	{ NULL, 0, NULL, 0 } };

struct arguments {
	const struct command *command;
	const char *socket;
	bool all;
	bool json;
};

/* Exit status; EXIT_FINE: go on. */
static int parse(struct arguments *a, int argc, char **argv)
{
	int o;

	while ((o = command_option(a->command, argc, argv)) != -1) {
		if (o == 's')
			a->socket = optarg;
		else if (o == 'j')
			a->json = true;
		else if (o == 'a')
			a->all = true;
		else
			return EXIT_USAGE;
	}
	a->socket = command_running_socket(a->socket);
	return EXIT_FINE;
}

/* --- grants ------------------------------------------------------------------------------------*/

static json_t *row_of(const json_t *grant)
{
	const json_t *login = json_object_get(grant, "login_uid");
	const char *by = json_string_value(json_object_get(grant, "by"));
	const char *reason = json_string_value(json_object_get(grant, "reason"));
	char who[200];
	bool root = json_is_true(json_object_get(grant, "root"));
	char what[400];
	char may[420];
	char things[400];
	char left[DURATION_ROOM];
	char name[80];
	char why[300];

	if (by && by[0] != '\0')
		text_escape(span_of(by), name, sizeof(name));
	else
		(void)snprintf(name, sizeof(name), "uid %lld",
			(long long)json_integer_value(
				json_is_integer(login) ? login : json_object_get(grant, "uid")));
	text_escape(span_of(reason ? reason : ""), why, sizeof(why));
	(void)grants_write_who(grant, who, sizeof(who));
	(void)snprintf(may, sizeof(may), "%s%s", grants_write_what(grant, what, sizeof(what)),
		root ? " (root)" : "");
	(void)grants_write_things(grant, things, sizeof(things));
	(void)duration_write_long(
		(uint64_t)json_integer_value(json_object_get(grant, "left")), left);
	return json_pack("{s:O, s:s, s:s, s:s, s:s, s:O, s:s, s:s}", "id",
		json_object_get(grant, "id"), "who", who, "may", may, "things", things, "left",
		left, "uses", json_object_get(grant, "uses"), "by", name, "reason", why);
}

static int run_grants(int argc, char **argv)
{
	static const char *const keys[] = { "id", "who", "may", "things", "left", "by", "reason",
		NULL };
	struct arguments a = { .command = &grants_command };
	int status = parse(&a, argc, argv);
	json_auto_t *reply = NULL;
	json_auto_t *rows = NULL;
	const json_t *grant;
	struct err e;
	size_t i;

	if (status != EXIT_FINE)
		return status;
	if (optind < argc)
		return command_usage("grants", "%s: not expected", argv[optind]);
	reply = grants_ask(a.socket, NULL, &e);
	if (!reply)
		return command_failed(a.command->name, a.json, &e);
	if (a.json) {
		output_json(reply);
		return EXIT_FINE;
	}
	rows = json_array();
	json_array_foreach (json_object_get(reply, "grants"), i, grant)
		(void)json_array_append_new(rows, row_of(grant));
	if (json_array_size(rows) > 0)
		table_print(keys, rows);
	else
		(void)printf("no grant is open\n");
	return EXIT_FINE;
}

/* --- revoke ------------------------------------------------------------------------------------*/

static int run_revoke(int argc, char **argv)
{
	struct arguments a = { .command = &revoke_command };
	int status = parse(&a, argc, argv);
	json_auto_t *body = NULL;
	json_auto_t *reply = NULL;
	json_int_t n;
	struct err e;

	if (status != EXIT_FINE)
		return status;
	if (a.all ? optind < argc : optind + 1 != argc)
		return command_usage("revoke", "write one ID of dsp grants, or --all");
	body = grants_body("revoke");
	if (!a.all)
		(void)json_object_set_new(body, "id", json_string(argv[optind]));
	reply = grants_ask(a.socket, body, &e);
	if (!reply)
		return command_failed(a.command->name, a.json, &e);
	n = json_integer_value(json_object_get(reply, "revoked"));
	if (a.json)
		output_json(reply);
	else if (!a.all)
		(void)printf("revoked %s\n", argv[optind]);
	else
		(void)printf("revoked %lld grant%s\n", (long long)n, n == 1 ? "" : "s");
	return EXIT_FINE;
}

/* --- the commands ------------------------------------------------------------------------------*/

const struct command grants_command = {
	.name = "grants",
	.arguments = "[--socket PATH] [--json]",
	.run = run_grants,
	.options = grants_options,
	.summary = "list what dsp allow gave, and when it ends",
	.help = "  --socket PATH  the socket of dspd (DSP_SOCKET; default " SETTINGS_SOCKET ")\n"
		"  --json    print JSON\n"
		"\n"
		"For root.\n",
};

const struct command revoke_command = {
	.name = "revoke",
	.arguments = "ID|--all [--socket PATH] [--json]",
	.run = run_revoke,
	.options = revoke_options,
	.summary = "end what dsp allow gave, at once",
	.help = "  --all     all grants\n"
		"  --socket PATH  the socket of dspd (DSP_SOCKET; default " SETTINGS_SOCKET ")\n"
		"  --json    print JSON\n"
		"\n"
		"ID is that of dsp grants. For root.\n",
};
