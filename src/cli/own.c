/* dsp own: lists who owns which container, network and volume, and changes it. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "dsp/config/command.h"
#include "dsp/config/output.h"
#include "dsp/config/table.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/settings.h"
#include "dsp/system/clock.h"
#include "own_things.h"

static const struct option options[] = { { "nobody", no_argument, NULL, 'n' },
	{ "label", required_argument, NULL, 'l' }, { "socket", required_argument, NULL, 's' },
	{ "json", no_argument, NULL, 'j' }, { NULL, 0, NULL, 0 } };

struct arguments {
	const char *socket;
	const char *label; /* KEY=VALUE; NULL: not given */
	bool nobody;
	bool json;
	char **words;
	int count;
};

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

/* "container web", "volume data"; the id where there is no name. */
static const char *name_of(const json_t *thing, char out[400])
{
	const char *name = text_of(thing, "name");
	char shown[300];

	text_escape(span_of(name[0] != '\0' ? name : text_of(thing, "id")), shown, sizeof(shown));
	(void)snprintf(out, 400, "%s %s", text_of(thing, "kind"), shown);
	return out;
}

/* --- what is shown -----------------------------------------------------------------------------*/

/* A row of the table, and an element of the JSON. */
static json_t *row_of(const json_t *thing, bool json)
{
	const json_t *since = json_object_get(thing, "since");
	const char *owner = text_of(thing, "owner");
	char date[CLOCK_TEXT_ROOM] = "";
	char short_id[13];

	if (json)
		return json_pack("{s:s, s:s, s:O, s:O, s:O}", "kind", text_of(thing, "kind"), "id",
			text_of(thing, "id"), "name", json_object_get(thing, "name"), "owner",
			json_object_get(thing, "owner"), "since", since);
	if (json_is_integer(since))
		clock_write((uint64_t)json_integer_value(since) * 1000000, date);
	date[date[0] != '\0' ? 19 : 0] = '\0';
	text_copy(
		span_of(strcmp(text_of(thing, "kind"), "volume") == 0 ? "" : text_of(thing, "id")),
		short_id, sizeof(short_id));
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "kind", text_of(thing, "kind"), "name",
		text_of(thing, "name"), "id", short_id, "owner",
		owner[0] != '\0' ? owner : "(nobody)", "since", date);
}

static void print_rows(const struct arguments *a, const struct own_things *t, json_t *rows)
{
	static const char *const keys[] = { "kind", "name", "id", "owner", "since", NULL };

	if (a->json) {
		json_auto_t *o = json_pack("{s:O, s:O, s:O, s:b, s:O}", "on",
			json_object_get(t->state, "on"), "known",
			json_object_get(t->state, "known"), "trouble",
			json_object_get(t->state, "trouble"), "asked_dockerd", t->asked, "owners",
			rows);

		output_json(o);
	} else if (json_array_size(rows) > 0) {
		table_print(keys, rows);
	}
}

/* dockerd's own networks belong to nobody, and need not be listed. */
static bool is_of_dockerd(const json_t *thing)
{
	static const char *const names[] = { "bridge", "host", "none" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text_of(thing, "kind"), "network") == 0 &&
			strcmp(text_of(thing, "name"), names[i]) == 0)
			return true;
	}
	return false;
}

static void warn(const struct own_things *t, bool nobody)
{
	if (!json_is_true(json_object_get(t->state, "on")))
		(void)fprintf(stderr,
			"dsp own: owners are not recorded: no rule in force speaks of owners\n");
	else if (text_of(t->state, "trouble")[0] != '\0')
		(void)fprintf(stderr, "dsp own: %s\n", text_of(t->state, "trouble"));
	if (!t->asked)
		(void)fprintf(stderr, "dsp own: %s: %s\n",
			nobody ? "cannot find out what dockerd has" : "names are not known",
			t->why.text);
}

static int list(const struct arguments *a, const struct own_things *t)
{
	json_auto_t *rows = json_array();
	const json_t *thing;
	size_t at;

	if (a->count > 0)
		return command_usage("own", "%s: not expected", a->words[0]);
	warn(t, a->nobody);
	json_array_foreach (t->list, at, thing) {
		bool owned = json_is_string(json_object_get(thing, "owner"));

		if (owned != a->nobody && !(a->nobody && is_of_dockerd(thing)))
			(void)json_array_append_new(rows, row_of(thing, a->json));
	}
	print_rows(a, t, rows);
	return a->nobody && !t->asked ? EXIT_FINDINGS : EXIT_FINE;
}

static int show(const struct arguments *a, const struct own_things *t)
{
	json_auto_t *rows = json_array();
	const json_t *thing;
	struct err e;

	if (a->count != 1)
		return command_usage("own", "write: dsp own show REF");
	thing = own_things_find(t, a->words[0], &e);
	if (!thing)
		return command_failed("own", a->json, &e);
	(void)json_array_append_new(rows, row_of(thing, a->json));
	print_rows(a, t, rows);
	return EXIT_FINE;
}

/* --- changes -----------------------------------------------------------------------------------*/

/* owner NULL: nobody owns it from now on. Appends what was done to rows. */
static int change(const struct arguments *a, json_t *thing, const char *owner, json_t *rows)
{
	json_auto_t *reply = NULL;
	char command[1200];
	char name[400];
	struct err e;

	(void)snprintf(command, sizeof(command), "%s %s %s%s%s", owner ? "give" : "forget",
		text_of(thing, "kind"), text_of(thing, "id"), owner ? " " : "", owner ? owner : "");
	reply = own_ask(a->socket, command, &e);
	if (!reply)
		return command_failed("own", a->json, &e);
	(void)json_object_set_new(thing, "owner", owner ? json_string(owner) : json_null());
	(void)json_object_set_new(thing, "since",
		owner ? json_integer((json_int_t)(clock_date_us() / 1000000)) : json_null());
	(void)json_array_append_new(rows, row_of(thing, true));
	if (!a->json)
		(void)printf("%s owns %s\n", owner ? owner : "nobody", name_of(thing, name));
	if (json_is_true(json_object_get(reply, "saved")))
		return EXIT_FINE;
	(void)fprintf(stderr, "dsp own: dspd knows it, and it is not on the disk yet: %s\n",
		text_of(reply, "trouble"));
	return EXIT_FINDINGS;
}

static int change_one(const struct arguments *a, const struct own_things *t, bool give)
{
	json_auto_t *rows = json_array();
	json_t *thing;
	struct err e;
	int status;

	if (a->count != 1 + give)
		return command_usage(
			"own", "write: dsp own %s", give ? "give REF USER" : "forget REF");
	thing = own_things_find(t, a->words[0], &e);
	if (!thing)
		return command_failed("own", a->json, &e);
	status = change(a, thing, give ? a->words[1] : NULL, rows);
	if (a->json && json_array_size(rows) > 0)
		print_rows(a, t, rows);
	return status;
}

static int give(const struct arguments *a, const struct own_things *t)
{
	return change_one(a, t, true);
}

static int forget(const struct arguments *a, const struct own_things *t)
{
	return change_one(a, t, false);
}

/* What nobody owns and has the label becomes its value's, or the named user's. */
static int adopt(const struct arguments *a, const struct own_things *t)
{
	json_auto_t *rows = json_array();
	const char *equals = a->label ? strchr(a->label, '=') : NULL;
	int status = EXIT_FINE;
	char key[256];
	json_t *thing;
	size_t at;

	if (!equals || equals == a->label || a->count > 1)
		return command_usage("own", "write: dsp own adopt --label KEY=VALUE [USER]");
	if (!t->asked)
		return command_failed("own", a->json, &t->why);
	text_copy((struct span){ a->label, (size_t)(equals - a->label) }, key, sizeof(key));
	json_array_foreach (t->list, at, thing) {
		if (json_is_string(json_object_get(thing, "owner")) ||
			!own_thing_has_label(thing, key, equals + 1))
			continue;
		status = change(a, thing, a->count > 0 ? a->words[0] : equals + 1, rows);
		if (status != EXIT_FINE)
			break;
	}
	if (a->json)
		print_rows(a, t, rows);
	else if (json_array_size(rows) == 0 && status == EXIT_FINE)
		(void)printf("nobody's things have no label %s\n", a->label);
	return status;
}

/* --- the command -------------------------------------------------------------------------------*/

static const struct verb {
	const char *name;
	int (*run)(const struct arguments *a, const struct own_things *t);
} verbs[] = {
	{ "list", list },
	{ "show", show },
	{ "give", give },
	{ "forget", forget },
	{ "adopt", adopt },
};

static int run_verb(const struct verb *v, const struct arguments *a)
{
	struct own_things t;
	struct err e;
	int status;

	if ((a->nobody && v->run != list) || (a->label && v->run != adopt))
		return command_usage(
			"own", "--%s is not for %s", a->nobody ? "nobody" : "label", v->name);
	if (own_things_read(a->socket, &t, &e) != 0)
		return command_failed("own", a->json, &e);
	status = v->run(a, &t);
	own_things_free(&t);
	return status;
}

static int run_own(int argc, char **argv)
{
	struct arguments a = { .socket = NULL };
	int o;

	while ((o = command_option(&own_command, argc, argv)) != -1) {
		if (o == 's')
			a.socket = optarg;
		else if (o == 'l')
			a.label = optarg;
		else if (o == 'n')
			a.nobody = true;
		else if (o == 'j')
			a.json = true;
		else
			return EXIT_USAGE;
	}
	if (optind == argc)
		return command_usage("own", "write list, show, give, forget or adopt");
	a.words = argv + optind + 1;
	a.count = argc - optind - 1;
	a.socket = command_running_socket(a.socket);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(argv[optind], verbs[i].name) == 0)
			return run_verb(&verbs[i], &a);
	}
	return command_usage("own", "%s: write list, show, give, forget or adopt", argv[optind]);
}

const struct command own_command = {
	.name = "own",
	.arguments = "list [--nobody] | show REF | give REF USER | forget REF | adopt --label "
		     "KEY=VALUE [USER] [--socket PATH] [--json]",
	.run = run_own,
	.options = options,
	.summary = "list and change who owns which container, network and volume",
	.help = "  list      list what has an owner\n"
		"  --nobody  list what dockerd has and nobody owns\n"
		"  show      show who owns a container, network or volume\n"
		"  give      give it to a user of the policy file, or to a group: @GROUP\n"
		"  forget    nobody owns it from now on\n"
		"  adopt     give what nobody owns and has the label KEY=VALUE to USER; without USER,\n"
		"            to the user VALUE\n"
		"  --label KEY=VALUE  the label, for adopt\n"
		"  --socket PATH  the socket of dspd (DSP_SOCKET; default " SETTINGS_SOCKET ")\n"
		"  --json    print JSON\n"
		"\n"
		"REF is a name, an id, or at least 12 digits of one. Where a container, a network and a\n"
		"volume have the same name, write container:NAME, network:NAME or volume:NAME.\n"
		"\n"
		"For root. The command asks dockerd for names, which dspd allows whatever the policy\n"
		"says. dspd records owners while a rule of the policy file speaks of owners.\n",
};
