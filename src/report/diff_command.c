/* dsp diff: who gains and who loses what by a change of the policy. */
#include <jansson.h>
#include <stdio.h>

#include "diff_files.h"
#include "diff_log.h"
#include "diff_text.h"
#include "dsp/config/command.h"
#include "dsp/config/output.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/escalation.h"
#include "dsp/dockerd/installed_settings.h"
#include "dsp/explain/policy_diff.h"

enum { WHY_ROOM = 400, NAME_ROOM = 300 };

struct arguments {
	const char *old; /* a policy file; NULL: the settings in force */
	const char *new; /* a policy file; NULL: that of the settings in force */
	char *trail;     /* an audit log; NULL: none */
	struct settings_choice settings;
	bool json;
};

/* What changed, as lists of objects for --json. */
struct account {
	struct policy_pair pair;
	json_t *changes;
	json_t *items;
	json_t *ways;
	json_t *files;
	json_t *trail; /* NULL: none was asked for */
};

/* --- what changed ------------------------------------------------------------------------------*/

/* The keys that all changes share. */
static json_t *change_json(const struct account *a, const struct diff_change *c)
{
	enum diff_state old = diff_state(c->old);
	enum diff_state new = diff_state(c->new);
	char client[NAME_ROOM];
	char before[WHY_ROOM];
	char after[WHY_ROOM];

	diff_client_write(c->client, client, sizeof(client));
	diff_why(a->pair.old, c->power, c->old, before, sizeof(before));
	diff_why(a->pair.new, c->power, c->new, after, sizeof(after));
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "client", client, "change",
		new > old ? "gains" : "loses", "operation", c->route ? c->route->name : "unknown",
		"old", diff_state_name(old), "new", diff_state_name(new), "old_why", before,
		"new_why", after);
}

/* A diff_visit. */
static void add_change(void *context, const struct diff_change *c)
{
	struct account *a = context;
	json_t *o = change_json(a, c);

	(void)json_object_set_new(o, "power",
		c->power == POWER_COUNT ? json_null() : json_string(power_info(c->power)->name));
	(void)json_array_append_new(a->changes, o);
}

/* A diff_visit. */
static void add_item(void *context, const struct diff_change *c)
{
	struct account *a = context;
	json_t *o = change_json(a, c);
	bool gains = diff_state(c->new) > diff_state(c->old);
	const char *root = escalation_of_item(
		c->list, c->item, gains ? c->client->new.id : c->client->old.id);
	char text[NAME_ROOM];

	list_item_write(c->list, c->item, text, sizeof(text));
	(void)json_object_set_new(o, "list", json_string(list_name(c->list)));
	(void)json_object_set_new(o, "item", json_string(text));
	(void)json_object_set_new(o, "root", root ? json_string(root) : json_null());
	(void)json_array_append_new(a->items, o);
}

/* A way to root that is open by one of the policies alone. */
static void add_way(struct account *a, const struct diff_client *client, enum power p)
{
	const struct power_info *info = power_info(p);
	struct escalation before;
	struct escalation after;
	bool old = escalation_find(a->pair.old, &client->old, p, &before);
	bool new = escalation_find(a->pair.new, &client->new, p, &after);
	char name[NAME_ROOM];
	char why[WHY_ROOM];

	if (info->root == ROOT_NO || old == new)
		return;
	diff_client_write(client, name, sizeof(name));
	escalation_write(new ? a->pair.new : a->pair.old, new ? &after : &before,
		new ? client->new.id : client->old.id, why, sizeof(why));
	(void)json_array_append_new(a->ways,
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "client", name, "change",
			new ? "gains" : "loses", "power", info->name, "root", root_name(info->root),
			"what", info->escalation, "why", why));
}

static int compare(struct account *a, const struct config *old, const struct config *new)
{
	AUTO_MEM struct diff_client *clients = NULL;
	size_t count = diff_clients(&a->pair, &clients);

	if (count == SIZE_MAX)
		return -1;
	for (size_t i = 0; i < count; i++) {
		diff_powers(&a->pair, &clients[i], add_change, a);
		for (size_t p = 0; p < POWER_COUNT; p++)
			add_way(a, &clients[i], (enum power)p);
	}
	a->files = diff_files(old, new);
	return diff_items(&a->pair, clients, count, add_item, a);
}

static bool is_same(const struct account *a)
{
	return json_array_size(a->changes) + json_array_size(a->items) + json_array_size(a->ways) +
		json_array_size(a->files) + json_array_size(json_object_get(a->trail, "changed")) ==
		0;
}

/* --- the command -------------------------------------------------------------------------------*/

static int show(struct account *a, const struct installed_settings *old,
	const struct installed_settings *new, bool json)
{
	json_auto_t *o = json_pack("{s:o, s:o, s:b, s:O, s:O, s:O, s:O, s:O?}", "old_settings",
		installed_settings_json(old), "new_settings", installed_settings_json(new), "same",
		is_same(a), "changes", a->changes, "items", a->items, "ways_to_root", a->ways,
		"files", a->files, "trail", a->trail);
	char text[1200];

	if (json) {
		output_json(o);
	} else {
		installed_settings_write(old, text, sizeof(text));
		(void)printf("old ");
		output_wrapped(strlen("old "), text);
		installed_settings_write(new, text, sizeof(text));
		(void)printf("new ");
		output_wrapped(strlen("new "), text);
		diff_text_print(o);
	}
	return is_same(a) ? EXIT_FINE : EXIT_FINDINGS;
}

static const struct option options[] = { SETTINGS_OPTIONS,
	{ "trail", required_argument, NULL, 't' }, { "json", no_argument, NULL, 'j' },
	{ NULL, 0, NULL, 0 } };

static int parse_arguments(struct arguments *a, int argc, char **argv)
{
	int o;

	while ((o = command_option(&diff_command, argc, argv)) != -1) {
		if (o == 't')
			a->trail = optarg;
		else if (o == 'j')
			a->json = true;
		else if (o == 'p' || !settings_choice_parse(&a->settings, o, optarg))
			return o == 'p'
				? command_usage("diff", "name policy files without --policy")
				: EXIT_USAGE;
	}
	if (argc - optind > 2)
		return command_usage("diff", "%s: not expected", argv[argc - 1]);
	if (argc == optind && !a->settings.sources.env_file)
		return command_usage("diff", "name a policy file, or an env file with --env-file");
	if (argc - optind == 2)
		a->old = argv[optind++];
	if (argc > optind)
		a->new = argv[optind];
	return 0;
}

/* Opens both. With one policy file or none, an env file of an option is the new settings'. */
static int open_settings(
	const struct arguments *a, struct installed_settings **old, struct installed_settings **new)
{
	struct settings_choice choice = a->settings;
	int rc;

	choice.sources.policy = a->old;
	if (!a->old)
		choice.sources.env_file = NULL;
	rc = installed_settings_open("diff", &choice, old);
	choice = a->settings;
	choice.sources.policy = a->new;
	return rc != 0 ? rc : installed_settings_open("diff", &choice, new);
}

static int fail(const char *text)
{
	(void)fprintf(stderr, "dsp diff: %s\n", text);
	return EXIT_USAGE;
}

static int run_diff(int argc, char **argv)
{
	struct arguments a = { .old = NULL };
	AUTO_SETTINGS struct installed_settings *old = NULL;
	AUTO_SETTINGS struct installed_settings *new = NULL;
	json_auto_t *changes = json_array();
	json_auto_t *items = json_array();
	json_auto_t *ways = json_array();
	struct account all = { .changes = changes, .items = items, .ways = ways };
	struct err e;
	int rc = parse_arguments(&a, argc, argv);

	if (rc != 0)
		return rc;
	if (open_settings(&a, &old, &new) != 0)
		return EXIT_USAGE;
	all.pair = (struct policy_pair){ &old->config->policy, &new->config->policy };
	if (a.trail && !(all.trail = diff_log(a.trail, &all.pair, &e)))
		return fail(e.text);
	rc = compare(&all, old->config, new->config) == 0 ? show(&all, old, new, a.json)
							  : fail("no memory");
	json_decref(all.trail);
	json_decref(all.files);
	return rc;
}

const struct command diff_command = {
	.name = "diff",
	.arguments =
		"[[OLD] NEW] [--trail LOG] [--json] [--env-file FILE] [--no-config] [--managed]",
	.run = run_diff,
	.options = options,
	.summary = "list who gains and who loses what by a change of the policy or the flags",
	.help = "  --trail LOG      add which decisions of an audit log would change; -: standard input\n"
		"  --json           print JSON\n"
		"  --env-file FILE  this env file in place of the installed one, in the new settings; with\n"
		"                   OLD in both\n"
		"  --no-config      this shell's environment in place of the installed dsp's settings\n"
		"  --managed        decide as the managed plugin, which cannot see mount sources\n"
		"\n"
		"OLD and NEW are policy files. Without OLD: the settings in force. dsp decides every\n"
		"operation with every power, and with every item of the lists, for every user by both.\n"
		"What the files say differently stands below \"files\", also what no such decision shows.\n"
		"Status 0: no difference; 1: differences; 2: one of the two cannot be read or is broken.\n",
};
