/* dsp allowed: all that a user may do, as sudo -l. */
#include <jansson.h>
#include <stdio.h>

#include "access_answers.h"
#include "dsp/config/command.h"
#include "dsp/config/output.h"
#include "dsp/core/base/text.h"

enum { LABEL = 19, GROUP_ROOM = 4000, TEXT_ROOM = 700, WHY_ROOM = 1600 };

struct arguments {
	const char *as;
	struct settings_choice settings;
	bool json;
};

/* The user, and the answers. */
struct account {
	const struct policy *policy;
	struct subject subject;
	json_t *operations;
	json_t *powers;
	json_t *limits;
	enum buildkit buildkit;
	char over_http2[WHY_ROOM];

	/* The power that is looked for, and what was found so far. */
	struct access_query query;
	struct access_answer best;
	const struct route *best_route; /* of best; NULL: of an unknown operation */
	bool asked;
	json_t *given_by; /* operations */
};

/* --- the answers -------------------------------------------------------------------------------*/

/* The keys that operations and powers share. */
static json_t *answer_json(const struct account *a, const struct access_query *query,
	const struct route *route, const struct access_answer *g)
{
	const struct access_asked asked = { a->policy, a->subject.id, query, route };
	const struct rule *rule = g->decision.rule;
	char why[WHY_ROOM];
	char name[96];
	struct line l;

	line_init(&l, why, sizeof(why));
	access_write_why(&asked, g, &l);
	if (rule)
		text_escape(rule->name, name, sizeof(name));
	return json_pack("{s:b, s:b, s:b, s:s?, s:s}", "allowed",
		g->decision.verdict == VERDICT_ALLOW, "asks", g->decision.verdict == VERDICT_ASK,
		"monitored", g->decision.monitored, "rule", rule ? name : NULL, "why", why);
}

static void add_operation(struct account *a, const struct route *route)
{
	const struct access_query query = { .power = POWER_COUNT };
	struct access_answer g;
	json_t *o;

	if (!access_best(a->policy, &a->subject, route, &query, &g))
		return;
	o = answer_json(a, &query, route, &g);
	(void)json_object_set_new(o, "operation", json_string(route ? route->name : "unknown"));
	(void)json_object_set_new(o, "section",
		json_string(route && route->section != SECTION_NONE
				? flag_at(flag_of_section(route->section))->arg
				: "none"));
	(void)json_object_set_new(
		o, "access", json_string(route && !route->write ? "read" : "write"));
	(void)json_array_append_new(a->operations, o);
}

/* Calls visit for the first row of each operation, and for routes that the table does not know. */
static void each_operation(
	struct account *a, void (*visit)(struct account *a, const struct route *route))
{
	bool done[OPERATION_COUNT] = { false };
	size_t count;
	const struct route *route = route_rows(&count);

	for (; count > 0; count--, route++) {
		if (!done[route->operation])
			visit(a, route);
		done[route->operation] = true;
	}
	visit(a, NULL);
}

/* Keeps the first operation that gives the power, or that denies it if none does. */
static void try_power(struct account *a, const struct route *route)
{
	struct access_answer g;
	bool may;

	if (!access_best(a->policy, &a->subject, route, &a->query, &g))
		return;
	may = g.decision.verdict == VERDICT_ALLOW;
	if (may || g.decision.verdict == VERDICT_ASK)
		(void)json_array_append_new(
			a->given_by, json_string(route ? route->name : "unknown"));
	if (!a->asked || (may && a->best.decision.verdict != VERDICT_ALLOW) ||
		(g.decision.verdict == VERDICT_ASK && a->best.decision.verdict == VERDICT_DENY)) {
		a->best = g;
		a->best_route = route;
	}
	a->asked = true;
}

static void add_power(struct account *a, enum power p)
{
	json_t *o;

	a->query.power = p;
	a->asked = false;
	a->given_by = json_array();
	each_operation(a, try_power);
	if (!a->asked) {
		json_decref(a->given_by);
		return;
	}
	o = answer_json(a, &a->query, a->best_route, &a->best);
	(void)json_object_set_new(o, "power", json_string(power_info(p)->name));
	(void)json_object_set_new(o, "root", json_string(root_name(power_info(p)->root)));
	(void)json_object_set_new(o, "operations", a->given_by);
	(void)json_array_append_new(a->powers, o);
}

/* The lists of the rules for this user. */
static void add_limits(struct account *a)
{
	const struct rules *rules = a->policy->file_rules;

	for (size_t i = 0; rules && i < rules->count * LIST_COUNT; i++) {
		const struct rule *rule = &rules->items[i / LIST_COUNT];
		enum list_kind k = (enum list_kind)(i % LIST_COUNT);
		json_t *items;
		char text[256];

		if (!rule->lists[k].given || !bit_of(rule->who, a->subject.id))
			continue;
		items = json_array();
		for (size_t n = 0; n < rule->lists[k].count; n++) {
			list_item_write(k, &rule->lists[k].items[n], text, sizeof(text));
			(void)json_array_append_new(items, json_string(text));
		}
		text_escape(rule->name, text, sizeof(text));
		(void)json_array_append_new(a->limits,
			json_pack("{s:s, s:s, s:s, s:o}", "rule", text, "kind",
				rule->monitor ? "log only" : rule_verb_name(rule->verb), "list",
				list_name(k), "items", items));
	}
}

/* --- the text ----------------------------------------------------------------------------------*/

static const char *member(const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));

	return text ? text : "";
}

enum heading { HEADING_ALLOWED, HEADING_ASKS, HEADING_CLOSED };

static enum heading heading_of(const json_t *o)
{
	if (json_is_true(json_object_get(o, "allowed")))
		return HEADING_ALLOWED;
	return json_is_true(json_object_get(o, "asks")) ? HEADING_ASKS : HEADING_CLOSED;
}

/* What one heading is for: closed ones are not told apart, dsp who-can says why each is. */
static const char *reason_of(const json_t *o)
{
	if (heading_of(o) == HEADING_CLOSED)
		return "";
	return json_is_true(json_object_get(o, "monitored")) ? "only monitor mode allows it"
							     : member(o, "why");
}

/* What one line is for: "containers read", or the kind of a power. */
static void write_label(const json_t *o, char *out, size_t cap)
{
	bool direct = strcmp(member(o, "root"), root_name(ROOT_DIRECT)) == 0;

	if (member(o, "operation")[0])
		(void)snprintf(out, cap, "%s %s", member(o, "section"), member(o, "access"));
	else
		text_copy(direct ? SPAN("direct to root") : SPAN("other"), out, cap);
}

/* Whether an element before it is of the same heading, and with label of the same line. */
static bool has_been(const json_t *list, size_t at, const char *label)
{
	const json_t *o = json_array_get(list, at);
	char other[64];

	for (size_t i = 0; i < at; i++) {
		const json_t *b = json_array_get(list, i);

		write_label(b, other, sizeof(other));
		if (heading_of(b) == heading_of(o) && strcmp(reason_of(o), reason_of(b)) == 0 &&
			(!label || strcmp(label, other) == 0))
			return true;
	}
	return false;
}

/* "  containers read    container_list, container_inspect": all of a label and a reason. */
static void print_line(const json_t *list, const char *key, enum heading heading,
	const char *reason, const char *label)
{
	static char text[GROUP_ROOM];
	char other[64];
	const json_t *o;
	struct line l;
	size_t i;
	int n;

	line_init(&l, text, sizeof(text));
	json_array_foreach (list, i, o) {
		write_label(o, other, sizeof(other));
		if (heading_of(o) == heading && strcmp(reason_of(o), reason) == 0 &&
			strcmp(other, label) == 0)
			line_add(&l, "%s%s", l.n > 0 ? ", " : "", member(o, key));
	}
	n = printf("  %s ", label);
	(void)printf("%*s", n < LABEL ? LABEL - n : 0, "");
	output_wrapped(LABEL, text);
}

static void print_lines(
	const json_t *list, const char *key, enum heading heading, const char *reason)
{
	char label[64];
	const json_t *o;
	size_t i;

	json_array_foreach (list, i, o) {
		write_label(o, label, sizeof(label));
		if (heading_of(o) == heading && strcmp(reason_of(o), reason) == 0 &&
			!has_been(list, i, label))
			print_line(list, key, heading, reason, label);
	}
}

/* "allowed operations: rule "x"" and the lines below it, for each reason; or those closed. */
static void print_answers(const json_t *list, const char *key, enum heading heading)
{
	static const char *const words[] = { "allowed", "asked", "closed" };
	static const enum output_shade shades[] = { OUTPUT_GOOD, OUTPUT_DOUBTFUL, OUTPUT_BAD };
	char text[TEXT_ROOM];
	const json_t *o;
	size_t i;

	json_array_foreach (list, i, o) {
		const char *reason = reason_of(o);

		if (heading_of(o) != heading || has_been(list, i, NULL))
			continue;
		output_shaded(shades[heading], span_of(words[heading]));
		(void)snprintf(text, sizeof(text), "%ss%s%s", key, reason[0] ? ": " : "", reason);
		(void)printf(" ");
		output_wrapped(strlen("allowed "), text);
		print_lines(list, key, heading, reason);
	}
}

static void print_limits(const struct account *a)
{
	const json_t *item;
	const json_t *o;
	size_t i;
	size_t n;

	json_array_foreach (a->limits, i, o) {
		char text[TEXT_ROOM];
		struct line l;

		line_init(&l, text, sizeof(text));
		line_add(&l, "%s of rule \"%s\" (%s): ", member(o, "list"), member(o, "rule"),
			member(o, "kind"));
		json_array_foreach (json_object_get(o, "items"), n, item)
			line_add(&l, "%s%s", n > 0 ? ", " : "", json_string_value(item));
		(void)printf("  ");
		output_wrapped(2, text);
	}
}

static void print_account(const struct account *a, const char *user)
{
	(void)printf("user: %s\n", user);
	print_answers(a->operations, "operation", HEADING_ALLOWED);
	print_answers(a->powers, "power", HEADING_ALLOWED);
	print_answers(a->operations, "operation", HEADING_ASKS);
	print_answers(a->powers, "power", HEADING_ASKS);
	if (json_array_size(a->limits) > 0)
		(void)printf("within\n");
	print_limits(a);
	print_answers(a->operations, "operation", HEADING_CLOSED);
	print_answers(a->powers, "power", HEADING_CLOSED);
	if (a->over_http2[0] != '\0')
		output_wrapped(0, a->over_http2);
}

/* --- the command -------------------------------------------------------------------------------*/

static void make_account(struct account *a, const struct installed_settings *settings)
{
	char version[32] = "";

	each_operation(a, add_operation);
	for (size_t p = 0; p < POWER_COUNT; p++)
		add_power(a, (enum power)p);
	add_limits(a);
	a->buildkit = access_find_buildkit(settings, version, sizeof(version));
	escalation_buildkit_write(a->buildkit, version, a->over_http2, sizeof(a->over_http2));
}

static void show(struct account *a, const struct installed_settings *s, bool json)
{
	json_auto_t *o = NULL;
	char user[128];

	subject_write(&a->subject, user, sizeof(user));
	o = json_pack("{s:o, s:s, s:O, s:O, s:O, s:{s:s, s:s}}", "settings",
		installed_settings_json(s), "user", user, "operations", a->operations, "powers",
		a->powers, "limits", a->limits, "buildkit", "state",
		escalation_buildkit_name(a->buildkit), "text", a->over_http2);
	if (json) {
		output_json(o);
		return;
	}
	installed_settings_print(s);
	print_account(a, user);
}

static const struct option options[] = { { "as", required_argument, NULL, 'a' }, SETTINGS_OPTIONS,
	{ "json", no_argument, NULL, 'j' }, { NULL, 0, NULL, 0 } };

static int parse_arguments(struct arguments *a, int argc, char **argv)
{
	int o;

	while ((o = command_option(&allowed_command, argc, argv)) != -1) {
		if (o == 'a')
			a->as = optarg;
		else if (o == 'j')
			a->json = true;
		else if (!settings_choice_parse(&a->settings, o, optarg))
			return EXIT_USAGE;
	}
	if (optind < argc)
		return command_usage(
			"allowed", "%s: not expected; --as names the user", argv[optind]);
	return 0;
}

static int run_allowed(int argc, char **argv)
{
	struct arguments a = { .as = NULL };
	AUTO_SETTINGS struct installed_settings *s = NULL;
	json_auto_t *operations = json_array();
	json_auto_t *powers = json_array();
	json_auto_t *limits = json_array();
	size_t user;
	struct account all = { .operations = operations, .powers = powers, .limits = limits };
	int rc = parse_arguments(&a, argc, argv);

	if (rc == 0)
		rc = installed_settings_open("allowed", &a.settings, &s);
	if (rc != 0)
		return rc;
	all.policy = &s->config->policy;
	user = rules_find_subject(all.policy->file_rules, span_of(a.as ? a.as : "anonymous"));
	if (user == SIZE_MAX)
		return command_usage("allowed",
			"no user \"%s\" in the policy file; dsp list users shows all", a.as);
	all.subject = subject_at(all.policy->file_rules, user);
	make_account(&all, s);
	show(&all, s, a.json);
	return EXIT_FINE;
}

const struct command allowed_command = {
	.name = "allowed",
	.arguments = "[--as USER] [--json] [--policy FILE] [--env-file FILE] [--no-config]",
	.run = run_allowed,
	.options = options,
	.summary = "list all that a user may do, by which rule or flag, and what is closed",
	.help = "  --as USER        a user of the policy file (default: anonymous)\n"
		"  --json           print JSON\n"
		"  --policy FILE    this policy file in place of the installed one\n"
		"  --env-file FILE  this env file in place of the installed one\n"
		"  --no-config      this shell's environment in place of the installed dsp's settings\n"
		"  --managed        decide as the managed plugin, which cannot see mount sources\n"
		"\n"
		"An operation is what a request does at least; a power is more that it may ask for, by one\n"
		"of its operations at least. dsp who-can lists who else has it.\n"
		"Status 0: listed; 2: no such user; 78: the settings are broken.\n",
};
