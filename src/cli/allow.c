/* dsp allow: gives users something for a while; it ends by itself. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "dsp/config/command.h"
#include "dsp/config/output.h"
#include "dsp/core/base/duration.h"
#include "dsp/core/base/text.h"
#include "dsp/core/facts/power_rules.h"
#include "dsp/core/policy/list_kind.h"
#include "dsp/core/policy/settings.h"
#include "dsp/protocol/http_client.h"
#include "dsp/protocol/protocol.h"
#include "grant_words.h"
#include "grants_client.h"

enum { WAIT_MS = 5000 };

enum { AS = 256, FOR, REASON, YES_ROOT, DRY_RUN, LIST_FIRST };

static const struct option options[] = { { "as", required_argument, NULL, AS },
	{ "for", required_argument, NULL, FOR }, { "reason", required_argument, NULL, REASON },
	{ "container", required_argument, NULL, LIST_FIRST + LIST_CONTAINERS },
	{ "image", required_argument, NULL, LIST_FIRST + LIST_IMAGES },
	{ "mount", required_argument, NULL, LIST_FIRST + LIST_MOUNTS },
	{ "network", required_argument, NULL, LIST_FIRST + LIST_NETWORKS },
	{ "volume", required_argument, NULL, LIST_FIRST + LIST_VOLUMES },
	{ "device", required_argument, NULL, LIST_FIRST + LIST_DEVICES },
	{ "capability", required_argument, NULL, LIST_FIRST + LIST_CAPABILITIES },
	{ "runtime", required_argument, NULL, LIST_FIRST + LIST_RUNTIMES },
	{ "port", required_argument, NULL, LIST_FIRST + LIST_PORTS },
	{ "yes-root", no_argument, NULL, YES_ROOT }, { "dry-run", no_argument, NULL, DRY_RUN },
	{ "socket", required_argument, NULL, 's' }, { "json", no_argument, NULL, 'j' },
	{ NULL, 0, NULL, 0 } };

struct arguments {
	json_t *who;
	json_t *lists[LIST_COUNT];
	uint64_t seconds; /* 0: not given */
	const char *reason;
	const char *socket;
	bool yes_root;
	bool dry_run;
	bool json;
	struct grant_words words;
};

static int fail(const struct arguments *a, const struct err *e)
{
	json_auto_t *o = a->json ? json_pack("{s:s}", "error", e->text) : NULL;

	if (a->json)
		output_json(o);
	(void)fprintf(stderr, "dsp allow: %s%s%s\n", e->text,
		e->code == EPERM ? "; to give it all the same, add --yes-root" : "",
		e->code == EPERM ? "" : command_hint(e));
	return EXIT_FINDINGS;
}

/* --- the rule ----------------------------------------------------------------------------------*/

/* A name of a container, network or volume is "name:web" in a rule, unless it is another word. */
static json_t *item_of(enum list_kind k, const char *text)
{
	bool plain = k == LIST_CONTAINERS && !strchr(text, ':') && strcmp(text, "own") != 0 &&
		strcmp(text, "*") != 0;

	return plain ? json_sprintf("name:%s", text) : json_string(text);
}

/* Whether the list says something about one of the operations; else it would bound nothing. */
static bool list_matters(const struct grant_words *w, enum list_kind k)
{
	size_t count;
	const struct route *row = route_rows(&count);

	for (; count > 0; count--, row++) {
		if (grant_words_have(w, row) &&
			(power_rules_have_kind(row, list_attribute(k)) ||
				power_rules_can_hide(row, list_attribute(k), list_power(k))))
			return true;
	}
	return false;
}

static json_t *operations_of(const struct grant_words *w)
{
	json_t *list = json_array();
	bool done[OPERATION_COUNT] = { false };
	size_t count;
	const struct route *row = route_rows(&count);

	for (; count > 0; count--, row++) {
		if (!done[row->operation] &&
			(w->operations[row->operation] || w->needed[row->operation]))
			(void)json_array_append_new(list, json_string(row->name));
		done[row->operation] = true;
	}
	for (size_t i = 0; i < w->glob_count; i++)
		(void)json_array_append_new(list, json_string(w->globs[i]));
	return list;
}

/* A list gives its power for its items; the power itself would give it for others too. */
static bool is_listed(const struct arguments *a, enum power p)
{
	for (size_t k = 0; k < LIST_COUNT; k++) {
		if (a->lists[k] && list_power((enum list_kind)k) == p)
			return true;
	}
	return false;
}

static json_t *rule_of(const struct arguments *a)
{
	json_t *rule = json_pack("{s:O, s:o}", "who", a->who, "allow", operations_of(&a->words));
	json_t *powers = json_array();

	for (size_t p = 0; p < POWER_COUNT; p++) {
		if (powerset_has(&a->words.powers, (enum power)p) && !is_listed(a, (enum power)p))
			(void)json_array_append_new(
				powers, json_string(power_info((enum power)p)->name));
	}
	if (json_array_size(powers) > 0)
		(void)json_object_set(rule, "powers", powers);
	json_decref(powers);
	for (size_t k = 0; k < LIST_COUNT; k++) {
		if (a->lists[k])
			(void)json_object_set(rule, list_name((enum list_kind)k), a->lists[k]);
	}
	return rule;
}

/* --- what is printed ---------------------------------------------------------------------------*/

/* "grant g7f3k: alice may exec in container web until 14:32:10 (15 min)" */
static void print_grant(const json_t *grant)
{
	char who[200];
	char what[400];
	char things[400];
	char until[GRANTS_TIME_ROOM];
	char length[DURATION_ROOM];

	(void)grants_write_things(grant, things, sizeof(things));
	(void)printf("grant %s: %s may %s%s%s until %s (%s)\n",
		json_string_value(json_object_get(grant, "id")),
		grants_write_who(grant, who, sizeof(who)),
		grants_write_what(grant, what, sizeof(what)),
		things[0] == '\0'                                ? ""
			: strncmp(things, "container ", 10) == 0 ? " in "
								 : " with ",
		things, grants_write_until(grant, until),
		duration_write_long(
			(uint64_t)json_integer_value(json_object_get(grant, "seconds")), length));
}

static const json_t *find_grant(const json_t *reply)
{
	const char *id = json_string_value(json_object_get(reply, "given"));
	const json_t *grant;
	size_t i;

	json_array_foreach (json_object_get(reply, "grants"), i, grant) {
		const char *own = json_string_value(json_object_get(grant, "id"));

		if (id && own && strcmp(id, own) == 0)
			return grant;
	}
	return NULL;
}

/* Where dsp-resolve does not answer, dspd does not know what a list of things compares. */
static void warn_resolver(const struct arguments *a)
{
	json_auto_t *status = NULL;
	const json_t *resolver;
	const char *state;
	struct err e;

	if (!a->lists[LIST_CONTAINERS] && !a->lists[LIST_NETWORKS] && !a->lists[LIST_VOLUMES])
		return;
	status = http_client_ask_dsp(a->socket, ENDPOINT_STATUS, WAIT_MS, NULL, &e);
	resolver = json_object_get(status, "resolver");
	state = json_string_value(json_object_get(resolver, "state"));
	if (state && (strcmp(state, "absent") == 0 || strcmp(state, "failed") == 0))
		(void)fprintf(stderr,
			"dsp allow: dsp-resolve does not answer, so that dspd cannot know which %s a "
			"request names, and the grant allows nothing: dsp doctor\n",
			a->lists[LIST_CONTAINERS] ? "container" : "network or volume");
}

static int give(const struct arguments *a)
{
	json_auto_t *body = grants_body("give");
	json_auto_t *reply = NULL;
	const json_t *grant;
	const char *lifts;
	json_auto_t *o = NULL;
	struct err e;

	(void)json_object_set_new(body, "rule", rule_of(a));
	(void)json_object_set_new(body, "seconds", json_integer((json_int_t)a->seconds));
	(void)json_object_set_new(body, "reason", json_string(a->reason));
	(void)json_object_set_new(body, "yes_root", json_boolean(a->yes_root));
	reply = grants_ask(a->socket, body, &e);
	if (!reply)
		return fail(a, &e);
	grant = find_grant(reply);
	if (!grant) {
		err_set(&e, 0, "the grant has ended already");
		return fail(a, &e);
	}
	lifts = json_string_value(json_object_get(reply, "lifts"));
	o = json_pack("{s:O, s:s?}", "grant", grant, "lifts", lifts);
	if (a->json)
		output_json(o);
	else
		print_grant(grant);
	if (!a->json && lifts)
		(void)printf("  these need not be met meanwhile: %s\n", lifts);
	warn_resolver(a);
	return EXIT_FINE;
}

static int show_rule(const struct arguments *a)
{
	json_auto_t *rule = rule_of(a);
	json_auto_t *o = json_pack("{s:O}", "rule", rule);

	if (a->json)
		output_json(o);
	else
		output_json_file(rule);
	return EXIT_FINE;
}

/* --- the command -------------------------------------------------------------------------------*/

/* Rules know containers by their names. */
static bool is_id(int o, const char *text)
{
	enum { ID_LEAST = 12 };

	return o == LIST_FIRST + LIST_CONTAINERS && strlen(text) >= ID_LEAST &&
		text_is_hex(span_of(text));
}

static int parse_option(struct arguments *a, int o)
{
	if (o == 's')
		a->socket = optarg;
	else if (o == 'j')
		a->json = true;
	else if (o == YES_ROOT)
		a->yes_root = true;
	else if (o == DRY_RUN)
		a->dry_run = true;
	else if (o == REASON)
		a->reason = optarg;
	else if (o == AS)
		(void)json_array_append_new(a->who, json_string(optarg));
	else if (o == FOR && (!duration_parse(span_of(optarg), &a->seconds) || a->seconds == 0))
		return command_usage("allow", "--for %s: write a time as 90s, 15m or 2h", optarg);
	else if (is_id(o, optarg))
		return command_usage("allow",
			"--container %s: write the container's name; a rule compares no ids",
			optarg);
	else if (o >= LIST_FIRST && o < LIST_FIRST + LIST_COUNT) {
		json_t **list = &a->lists[o - LIST_FIRST];

		if (!*list)
			*list = json_array();
		(void)json_array_append_new(
			*list, item_of((enum list_kind)(o - LIST_FIRST), optarg));
	} else if (o != FOR) {
		return EXIT_USAGE;
	}
	return EXIT_FINE;
}

static int parse_words(struct arguments *a, char **words)
{
	struct err e;

	for (; *words; words++) {
		if (grant_words_add(&a->words, *words, &e) != 0)
			return command_usage("allow", "%s", e.text);
	}
	grant_words_finish(&a->words);
	for (size_t k = 0; k < LIST_COUNT; k++) {
		if (a->lists[k] && !list_matters(&a->words, (enum list_kind)k))
			return command_usage("allow",
				"nothing of this grant names %s: it would not be bounded by them",
				list_name((enum list_kind)k));
	}
	return EXIT_FINE;
}

static int run(struct arguments *a, int argc, char **argv)
{
	int status = EXIT_FINE;
	int o;

	while (status == EXIT_FINE && (o = command_option(&allow_command, argc, argv)) != -1)
		status = parse_option(a, o);
	if (status != EXIT_FINE)
		return status;
	if (optind == argc)
		return command_usage("allow", "write what: a power or an operation, such as exec");
	if (json_array_size(a->who) == 0)
		return command_usage("allow",
			"write for whom: --as USER, --as @GROUP, --as anonymous, or --as '*'");
	if (a->seconds == 0)
		return command_usage("allow", "write for how long, as --for 15m");
	status = parse_words(a, argv + optind);
	a->socket = command_running_socket(a->socket);
	if (status != EXIT_FINE)
		return status;
	return a->dry_run ? show_rule(a) : give(a);
}

static int run_allow(int argc, char **argv)
{
	struct arguments a = { .who = json_array(), .reason = "" };
	int status = run(&a, argc, argv);

	json_decref(a.who);
	for (size_t k = 0; k < LIST_COUNT; k++)
		json_decref(a.lists[k]);
	return status;
}

const struct command allow_command = {
	.name = "allow",
	.arguments = "OPERATION|POWER... --as USER --for TIME [--reason TEXT] [--container NAME] "
		     "[--image IMAGE] [--mount PATH] [--network NAME] [--volume NAME] "
		     "[--device PATH] [--capability NAME] [--runtime NAME] [--port PORT] "
		     "[--yes-root] [--dry-run] [--socket PATH] [--json]",
	.run = run_allow,
	.options = options,
	.summary = "allow something for a while, which ends by itself",
	.help = "  --as USER  for whom: a user of the policy file, @GROUP, anonymous, or '*' for\n"
		"             everybody; it may be given several times, as may each of the lists\n"
		"  --for TIME  for how long: 90s, 15m, 2h; at most DSP_GRANT_MOST (8h)\n"
		"  --reason TEXT  why, for the audit log\n"
		"  --container NAME  only on this container; also own, label:KEY=VALUE, image:GLOB\n"
		"  --image IMAGE  only these images, as in a rule of a policy file\n"
		"  --mount PATH  only these mounts\n"
		"  --network NAME  only these networks\n"
		"  --volume NAME  only these volumes\n"
		"  --device PATH  only these devices\n"
		"  --capability NAME  only these capabilities\n"
		"  --runtime NAME  only these runtimes\n"
		"  --port PORT  only these ports of the host\n"
		"  --yes-root  give it although it is a direct way to root on the host\n"
		"  --dry-run  give nothing: print what the grant would be, as a rule of a policy file\n"
		"  --socket PATH  the socket of dspd (DSP_SOCKET; default " SETTINGS_SOCKET ")\n"
		"  --json    print JSON\n"
		"\n"
		"What to allow is a power (exec, kill), an operation (container_kill, image_*), read,\n"
		"section:NAME, or run, what docker run needs. A power brings the operations that use it,\n"
		"and what clients send besides. The grant stands before each rule, flag and profile, and\n"
		"allows nothing else. plugin_control, dsp_files, unknown and each direct way to root must\n"
		"be named, and need --yes-root.\n"
		"\n"
		"For root. dspd keeps grants in memory: a restart ends them, a reload does not. What a\n"
		"grant has let start, such as a shell in a container, goes on after its end.\n",
};
