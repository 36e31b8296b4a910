#include <jansson.h>
#include <stdio.h>

#include "dsp/config/command.h"
#include "dsp/config/config.h"
#include "dsp/config/output.h"
#include "dsp/config/table.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/nearest.h"
#include "dsp/core/policy/decide.h"
#include "dsp/core/policy/object_words.h"
#include "dsp/dockerd/installed_settings.h"

enum form { FORM_TEXT, FORM_JSON, FORM_MARKDOWN, FORM_NAMES };

#define LISTS "flags, operations, powers, profiles, conditions, words, users, rules"

/* A list: its columns, which are members of each row, and how its rows are made. */
struct listing {
	const char *name;
	const char *const *keys; /* ends with NULL; "now" and "value" are for --current alone */
	/* Makes the rows. c: NULL without --current, unless the list is one of the settings. */
	json_t *(*make)(const struct config *c);
	bool of_settings;
};

static const char *kind_name(enum flag_kind kind)
{
	switch (kind) {
	case FLAG_KIND_SECTION:
		return "section";
	case FLAG_KIND_WRITE:
		return "writes";
	case FLAG_KIND_GROUP:
		return "group";
	case FLAG_KIND_POWER:
		return "power";
	case FLAG_KIND_SETTING:
		return "setting";
	case FLAG_KIND_ZERO:
	case FLAG_KIND_IGNORED:
		break;
	}
	return "ignored";
}

static const char *current_value(const struct config *c, size_t flag)
{
	static const char *const shown[] = {
		[SETTING_UNSET] = "unset", [SETTING_OFF] = "0", [SETTING_ON] = "1"
	};

	if (flag_at(flag)->kind == FLAG_KIND_SETTING)
		return c->settings.given[flag].n > 0 ? "set" : "unset";
	return shown[c->settings.flags[flag]];
}

static const char *const flag_keys[] = { "flag", "kind", "value", "what", NULL };

static json_t *list_flags(const struct config *c)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < FLAG_COUNT; i++) {
		const struct flag *f = flag_at(i);

		if (f->kind == FLAG_KIND_ZERO)
			continue;
		(void)json_array_append_new(rows,
			json_pack("{s:s, s:s, s:s*, s:s}", "flag", f->name, "kind",
				kind_name(f->kind), "value", c ? current_value(c, i) : NULL, "what",
				f->what));
	}
	return rows;
}

static const char *word(bool closed)
{
	return closed ? "closed" : "open";
}

/* What an unset flag means in a profile. */
static const char *unset(const struct power_info *power, enum profile profile)
{
	return word(power->closed[profile]);
}

/* Those of a table, which has to fit narrow terminals; JSON has baseline and restricted too. */
static const char *const power_keys[] = { "power", "flag", "root", "guard", "readonly", "hardened",
	"now", "what", NULL };

static json_t *list_powers(const struct config *c)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < POWER_COUNT; i++) {
		const struct power_info *p = power_info((enum power)i);
		bool closed = c &&
			(c->policy.broken[0] || powerset_has(&c->policy.closed, (enum power)i));

		(void)json_array_append_new(rows,
			json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s*, s:s}", "power",
				p->name, "flag", p->flag, "root", root_name(p->root), "guard",
				unset(p, PROFILE_GUARD), "readonly", unset(p, PROFILE_READONLY),
				"hardened", unset(p, PROFILE_HARDENED), "baseline",
				unset(p, PROFILE_BASELINE), "restricted",
				unset(p, PROFILE_RESTRICTED), "now", c ? word(closed) : NULL,
				"what", p->what));
	}
	return rows;
}

/* The decision for a route without query and body, for a plain name and an anonymous client. */
static const char *route_verdict(const struct config *c, const struct route *route)
{
	struct facts facts = { .route = route,
		.plain_name = true,
		.powers = route_powers(route),
		.reading = READING_EXACT,
		.hypothetical = true };

	struct subject anonymous = subject_at(c->policy.file_rules, SUBJECT_ANONYMOUS);

	return decide(&c->policy, &anonymous, &facts, NULL).verdict == VERDICT_ALLOW ? "allow"
										     : "deny";
}

static const char *const operation_keys[] = { "operation", "method", "path", "section", "access",
	"now", "powers", NULL };

static json_t *list_operations(const struct config *c)
{
	static const char *const methods[] = { [METHOD_GET] = "GET",
		[METHOD_HEAD] = "HEAD",
		[METHOD_POST] = "POST",
		[METHOD_PUT] = "PUT",
		[METHOD_DELETE] = "DELETE",
		[METHOD_OPTIONS] = "OPTIONS",
		[METHOD_ANY] = "any" };
	json_t *rows = json_array();
	size_t count;
	const struct route *route = route_rows(&count);

	for (const struct route *r = route; r < route + count; r++) {
		json_t *powers = json_array();

		for (size_t i = 0; i < ROUTE_POWERS_MOST && r->powers[i] != POWER_COUNT; i++)
			(void)json_array_append_new(
				powers, json_string(power_info(r->powers[i])->name));
		(void)json_array_append_new(rows,
			json_pack("{s:s, s:s, s:s, s:s, s:s, s:s*, s:o}", "operation", r->name,
				"method", methods[r->method], "path", r->pattern, "section",
				r->section == SECTION_NONE
					? "none"
					: flag_at(flag_of_section(r->section))->arg,
				"access", r->write ? "write" : "read", "now",
				c ? route_verdict(c, r) : NULL, "powers", powers));
	}
	return rows;
}

static const char *const profile_keys[] = { "profile", "now", "what", NULL };

static json_t *list_profiles(const struct config *c)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < PROFILE_COUNT; i++) {
		const struct profile_info *p = profile_info((enum profile)i);
		bool current = c && c->policy.profile == (enum profile)i;

		(void)json_array_append_new(rows,
			json_pack("{s:s, s:s*, s:s}", "profile", p->name, "now",
				!c                ? NULL
					: current ? "current"
						  : "",
				"what", p->what));
	}
	return rows;
}

static const char *const condition_keys[] = { "condition", "written", "run", "compose", "what",
	NULL };

static json_t *list_conditions(const struct config *c)
{
	static const char *const values[] = { [CONDITION_VALUE_SIZE] = "\"2g\"",
		[CONDITION_VALUE_SWAP] = "\"2g\", \"none\"",
		[CONDITION_VALUE_CPUS] = "1.5",
		[CONDITION_VALUE_COUNT] = "512",
		[CONDITION_VALUE_NUMBER] = "10",
		[CONDITION_VALUE_FLAG] = "true",
		[CONDITION_VALUE_WORDS] = "a word or a list",
		[CONDITION_VALUE_LABELS] = "an object",
		[CONDITION_VALUE_LIMITS] = "an object of numbers",
		[CONDITION_VALUE_PIN] = "a word",
		[CONDITION_VALUE_COMMANDS] = "a list of commands" };
	json_t *rows = json_array();

	(void)c;
	for (size_t i = 0; i < CONDITION_COUNT; i++) {
		const struct condition_info *info = condition_info((enum condition)i);

		(void)json_array_append_new(rows,
			json_pack("{s:s, s:s, s:s, s:s, s:s}", "condition", info->name, "written",
				values[info->value], "run", info->run, "compose", info->compose,
				"what", info->what));
	}
	return rows;
}

static const char *const word_keys[] = { "word", "lists", "what", NULL };

static json_t *list_words(const struct config *c)
{
	json_t *list = json_array();
	size_t count;
	const struct object_word_info *rows = object_word_rows(&count);

	(void)c;
	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(list,
			json_pack("{s:s, s:s, s:s}", "word", rows[i].form, "lists", rows[i].lists,
				"what", rows[i].what));
	return list;
}

static const char *const user_keys[] = { "user", "known_by", NULL };

static json_t *list_users(const struct config *c)
{
	static const char *const known_by[] = { "no certificate, no token", "token", "certificate",
		"certificate, token" };
	const struct rules *rules = c->policy.file_rules;
	json_t *rows = json_array();

	for (size_t i = 0; i < (rules ? rules->subject_count : 1); i++) {
		struct subject subject = subject_at(rules, i);
		char name[128];

		if (i == SUBJECT_UNKNOWN_CERTIFICATE)
			continue;
		subject_write(&subject, name, sizeof(name));
		(void)json_array_append_new(rows,
			json_pack("{s:s, s:s}", "user", name, "known_by",
				i == SUBJECT_ANONYMOUS
					? known_by[0]
					: known_by[2 * rules->has_name[i] + rules->has_token[i]]));
	}
	return rows;
}

static const char *const rule_keys[] = { "rule", "kind", "users", NULL };

static json_t *list_rules(const struct config *c)
{
	const struct rules *rules = c->policy.file_rules;
	json_t *rows = json_array();

	for (size_t i = 0; rules && i < rules->count; i++) {
		const struct rule *rule = &rules->items[i];
		json_t *users = json_array();
		char name[128];

		for (size_t id = 0; id < rules->subject_count; id++) {
			struct subject subject = subject_at(rules, id);

			subject_write(&subject, name, sizeof(name));
			if (bit_of(rule->who, id))
				(void)json_array_append_new(users, json_string(name));
		}
		text_escape(rule->name, name, sizeof(name));
		(void)json_array_append_new(rows,
			json_pack("{s:s, s:s, s:o}", "rule", name, "kind",
				rule->monitor ? "log only" : rule_verb_name(rule->verb), "users",
				users));
	}
	return rows;
}

static const struct listing listings[] = {
	{ "flags", flag_keys, list_flags, false },
	{ "operations", operation_keys, list_operations, false },
	{ "powers", power_keys, list_powers, false },
	{ "profiles", profile_keys, list_profiles, false },
	{ "conditions", condition_keys, list_conditions, false },
	{ "words", word_keys, list_words, false },
	{ "users", user_keys, list_users, true },
	{ "rules", rule_keys, list_rules, true },
};

/* NULL: there is no such list, and the message is printed. */
static const struct listing *find_listing(const char *name)
{
	struct nearest near = nearest_to(span_of(name), 0);

	for (size_t i = 0; i < sizeof(listings) / sizeof(listings[0]); i++) {
		if (strcmp(listings[i].name, name) == 0)
			return &listings[i];
		nearest_try(&near, span_of(listings[i].name));
	}
	if (near.word.n > 0)
		(void)fprintf(stderr, "dsp list: no list \"%s\"; did you mean \"%.*s\"?\n", name,
			(int)near.word.n, near.word.s);
	else
		(void)command_usage("list", "no list \"%s\"; there are " LISTS, name);
	return NULL;
}

/* The columns of a list: without --current it has none of the current settings. */
static void choose_keys(const struct listing *list, bool current, const char **ret)
{
	size_t n = 0;

	for (const char *const *key = list->keys; *key; key++) {
		if (current || (strcmp(*key, "now") != 0 && strcmp(*key, "value") != 0))
			ret[n++] = *key;
	}
	ret[n] = NULL;
}

/* s: NULL: the list is not one of settings. */
static void print_listing(
	const struct listing *list, enum form form, const struct installed_settings *s)
{
	const struct config *c = s ? s->config : NULL;
	const char *keys[TABLE_COLUMNS + 1];
	json_auto_t *rows = list->make(c);
	json_auto_t *o = json_pack(
		"{s:o*, s:O}", "settings", s ? installed_settings_json(s) : NULL, list->name, rows);
	const json_t *row;
	size_t i;

	choose_keys(list, c != NULL, keys);
	if (s && form == FORM_TEXT)
		installed_settings_print(s);
	if (form == FORM_JSON)
		output_json(o);
	else if (form == FORM_MARKDOWN)
		table_print_markdown(keys, rows);
	else if (form == FORM_TEXT)
		table_print(keys, rows);
	json_array_foreach (rows, i, row) {
		if (form == FORM_NAMES)
			(void)printf("%s\n", json_string_value(json_object_get(row, keys[0])));
	}
}

static const struct option options[] = { { "current", no_argument, NULL, 'c' },
	{ "json", no_argument, NULL, 'j' }, { "markdown", no_argument, NULL, 'm' },
	{ "names", no_argument, NULL, 'n' }, SETTINGS_OPTIONS, { NULL, 0, NULL, 0 } };

static enum form form_of(int option)
{
	if (option == 'j')
		return FORM_JSON;
	if (option == 'm')
		return FORM_MARKDOWN;
	return option == 'n' ? FORM_NAMES : FORM_TEXT;
}

static int run_list(int argc, char **argv)
{
	const struct listing *list;
	enum form form = FORM_TEXT;
	struct settings_choice choice = { .no_config = false };
	AUTO_SETTINGS struct installed_settings *s = NULL;
	bool current = false;
	int o;

	while ((o = command_option(&list_command, argc, argv)) != -1) {
		enum form wanted = form_of(o);

		if (form != FORM_TEXT && wanted != FORM_TEXT && wanted != form)
			return command_usage("list", "use one of --json, --markdown and --names");
		if (wanted != FORM_TEXT)
			form = wanted;
		else if (o == 'c')
			current = true;
		else if (!settings_choice_parse(&choice, o, optarg))
			return EXIT_USAGE;
	}
	if (argc - optind != 1)
		return command_usage("list", "write one of " LISTS);
	list = find_listing(argv[optind]);
	if (!list)
		return EXIT_USAGE;
	o = current || list->of_settings ? installed_settings_open("list", &choice, &s) : 0;
	if (o == 0)
		print_listing(list, form, s);
	return o;
}

const struct command list_command = {
	.name = "list",
	.arguments =
		"flags|operations|powers|profiles|conditions|words|users|rules [--current] [--json|--markdown|--names] [--policy FILE] [--env-file FILE] [--no-config]",
	.run = run_list,
	.options = options,
	.summary =
		"list flags, operations, powers, profiles, conditions, words of lists; users and rules",
	.help = "  --current        add what the current settings make of each\n"
		"  --json           print JSON\n"
		"  --markdown       print a Markdown table\n"
		"  --names          print the names alone, one a line, for scripts\n"
		"  --policy FILE    this policy file in place of the installed one\n"
		"  --env-file FILE  this env file in place of the installed one\n"
		"  --no-config      this shell's environment in place of the installed dsp's settings\n",
};
