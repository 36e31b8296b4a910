#include <jansson.h>
#include <stdio.h>

#include "access_answers.h"
#include "dsp/config/command.h"
#include "dsp/config/output.h"
#include "dsp/core/base/nearest.h"
#include "dsp/core/base/text.h"
#include "dsp/core/parse/reference.h"
#include "dsp/core/policy/condition_facts.h"
#include "dsp/core/policy/escalation.h"
#include "dsp/dockerd/installed_settings.h"
#include "dsp/explain/simulate.h"

struct arguments {
	const char *what;
	const char *on;
	const char *with;
	struct settings_choice settings;
	bool json;
};

/* The operation and power in question, and the answers so far. */
struct question {
	const struct installed_settings *settings;
	const struct policy *policy; /* of these */
	struct span operation;       /* empty: every one that can carry the power */
	struct access_query query;
	json_t *list;
	bool any;     /* at least one user may */
	bool carried; /* some operation can be asked for it */
	enum buildkit buildkit;
	char over_http2
		[400]; /* that no rule closes it over HTTP/2; empty: it is closed, or not meant */
};

/* --- what a container, network or volume is ------------------------------------------------*/

/* Whether text begins with a word of what a thing is. */
static bool is_description(struct span on)
{
	return span_starts(on, SPAN("owner=")) || span_starts(on, SPAN("name=")) ||
		span_starts(on, SPAN("label:")) || span_starts(on, SPAN("image="));
}

static bool is_object(enum list_kind kind)
{
	return kind == LIST_CONTAINERS || kind == LIST_NETWORKS || kind == LIST_VOLUMES;
}

static int parse_part(struct span part, struct object_info *info, struct object_label *labels,
	struct facts *facts, struct err *e)
{
	const struct span none = { NULL, 0 };
	struct span key = span_cut(&part, '=');
	char *text;

	if (span_equal(key, SPAN("owner"))) {
		info->owner = part;
		info->owner_unsure = false;
	} else if (span_equal(key, SPAN("name"))) {
		info->name = part;
	} else if (span_equal(key, SPAN("image"))) {
		text = attributes_alloc(&facts->attributes, reference_canonical_most(part, none));
		if (!text)
			return FAIL(e, 0, "no memory");
		info->image = (struct span){ text, reference_canonical(part, none, text) };
	} else if (span_starts(key, SPAN("label:"))) {
		labels[info->label_count++] =
			(struct object_label){ span_after(key, strlen("label:")), part };
	} else {
		return FAIL(e, 0, "--on: write owner=USER,name=NAME,label:KEY=VALUE,image=NAME");
	}
	return 0;
}

/* "owner=bob,name=web,label:k=v", or a name alone: what is not said may be anything. */
static int describe(struct span on, struct attribute *d, struct facts *facts, struct err *e)
{
	void *memory = attributes_alloc(&facts->attributes,
		sizeof(struct object_info) + (on.n + 1) * sizeof(struct object_label));
	struct object_info *info = memory;
	struct object_label *labels;

	if (!memory)
		return FAIL(e, 0, "no memory");
	labels = (void *)(info + 1);
	*info = (struct object_info){
		.state = OBJECT_FOUND, .labels = labels, .labels_unsure = true, .owner_unsure = true
	};
	d->object = info;
	if (!is_description(on)) {
		info->name = d->text = on;
		return 0;
	}
	while (on.n > 0) {
		if (parse_part(span_cut(&on, ','), info, labels, facts, e) != 0)
			return -1;
	}
	d->text = info->name.n > 0 ? info->name : SPAN("...");
	return 0;
}

/* --- the detail ------------------------------------------------------------------------*/

static bool is_port(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!strchr("0123456789.:-", s.s[i]))
			return false;
	}
	return s.n > 0;
}

/* The kind of thing that a word names: by its prefix ("network:x"), the power or its form. */
static enum list_kind parse_kind(struct span *on, enum power power)
{
	for (size_t k = 0; k < LIST_COUNT; k++) {
		struct span name = span_of(attribute_kind_name(list_attribute((enum list_kind)k)));

		if (span_starts(*on, name) && on->n > name.n && on->s[name.n] == ':') {
			*on = span_after(*on, name.n + 1);
			return (enum list_kind)k;
		}
	}
	if (is_description(*on))
		return LIST_CONTAINERS;
	for (size_t k = 0; k < LIST_COUNT; k++) {
		if (power != POWER_COUNT && list_power((enum list_kind)k) == power)
			return (enum list_kind)k;
	}
	if (span_starts(*on, SPAN("/dev/")) || span_starts(*on, SPAN("gpu:")))
		return LIST_DEVICES;
	if (span_starts(*on, SPAN("/")))
		return LIST_MOUNTS;
	if (span_starts(*on, SPAN("CAP_")))
		return LIST_CAPABILITIES;
	return is_port(*on) ? LIST_PORTS : LIST_IMAGES;
}

static int write_detail(struct facts *facts, enum list_kind kind, struct span on,
	struct attribute *d, struct err *e)
{
	bool image = kind == LIST_IMAGES;
	size_t most = image ? reference_canonical_most(on, (struct span){ NULL, 0 })
			    : 2 * on.n + sizeof(":/tcp");
	char *text = attributes_alloc(&facts->attributes, most);
	struct line l;

	if (!text)
		return FAIL(e, 0, "no memory");
	/* dockerd would take it for an id, or the start of one. */
	d->maybe_id = (image || kind == LIST_NETWORKS) && text_is_hex(on);
	if (image) {
		d->text = (struct span){ text,
			reference_canonical(on, (struct span){ NULL, 0 }, text) };
		return 0;
	}
	/* As a policy file has it. */
	if (kind == LIST_NETWORKS && span_equal(on, SPAN("default")))
		on = SPAN("bridge");
	line_init(&l, text, most);
	line_add_cut(&l, on);
	if (kind == LIST_PORTS)
		line_add(&l, ":80/tcp");
	d->text = (struct span){ text, l.n };
	return 0;
}

/* Facts with this one detail. */
static int make_detail(struct span on, enum list_kind kind, struct facts *facts, struct err *e)
{
	struct attribute d = { .power = list_power(kind), .kind = list_attribute(kind) };

	if (kind == LIST_MOUNTS && span_ends(on, SPAN(":ro"))) {
		d.read_only = true;
		on.n -= strlen(":ro");
	}
	if (on.n == 0 || (kind == LIST_MOUNTS && on.s[0] != '/'))
		return FAIL(e, 0,
			"--on: write a mount as an absolute path, or KIND:NAME such as network:web");
	if (kind == LIST_CONTAINERS || (is_object(kind) && is_description(on))) {
		if (describe(on, &d, facts, e) != 0)
			return -1;
	} else if (write_detail(facts, kind, on, &d, e) != 0) {
		return -1;
	}
	if (d.power != POWER_COUNT)
		powerset_add(&facts->powers, d.power);
	return attributes_add(&facts->attributes, &d) == 0 ? 0 : FAIL(e, 0, "no memory");
}

/* --- the answers -----------------------------------------------------------------------*/

static void add(struct question *q, const struct subject *subject, const struct route *route,
	const struct access_answer *g)
{
	const struct access_asked asked = { q->policy, subject->id, &q->query, route };
	bool may = g->decision.verdict == VERDICT_ALLOW;
	bool asks = g->decision.verdict == VERDICT_ASK;
	const struct rule *rule = g->decision.rule;
	char name[96];
	char who[128];
	char why[1600];
	struct line l;

	if (q->policy->file_rules)
		subject_write(subject, who, sizeof(who));
	else
		(void)snprintf(who, sizeof(who), "everyone");
	line_init(&l, why, sizeof(why));
	access_write_why(&asked, g, &l);
	if (rule)
		text_escape(rule->name, name, sizeof(name));
	q->any = q->any || may;
	(void)json_array_append_new(q->list,
		json_pack("{s:s, s:s, s:b, s:b, s:b, s:s?, s:s}", "subject", who, "operation",
			route ? route->name : "unknown", "allowed", may, "asks", asks, "monitored",
			g->decision.monitored, "rule", rule ? name : NULL, "why", why));
}

/* An operation, by all its routes, for all subjects. */
static void query_operation(struct question *q, const struct route *first)
{
	const struct rules *rules = q->policy->file_rules;
	size_t subjects = rules ? rules->subject_count : 1;

	for (size_t i = 0; i < subjects; i++) {
		struct subject subject = subject_at(rules, i);
		struct access_answer best;
		bool asked = access_best(q->policy, &subject, first, &q->query, &best);

		if (asked)
			add(q, &subject, first, &best);
		q->carried = q->carried || asked;
	}
}

static void query_operations(struct question *q)
{
	bool done[OPERATION_COUNT] = { false };
	size_t count;
	const struct route *route = route_rows(&count);

	for (; count > 0; count--, route++) {
		bool meant = q->operation.n == 0 || span_equal(q->operation, span_of(route->name));

		if (!meant || done[route->operation])
			continue;
		done[route->operation] = true;
		query_operation(q, route);
	}
	if (q->operation.n == 0 || span_equal(q->operation, SPAN("unknown")))
		query_operation(q, NULL);
}

/* Whether BuildKit gives what is in question. */
static bool is_of_buildkit(const struct question *q)
{
	size_t count;
	const struct route *route = route_rows(&count);

	if (q->query.power != POWER_COUNT)
		return escalation_buildkit_gives(q->query.power);
	for (; count > 0; count--, route++) {
		for (size_t i = 0; span_equal(q->operation, span_of(route->name)) &&
			i < ROUTE_POWERS_MOST && route->powers[i] != POWER_COUNT;
			i++) {
			if (route->powers[i] != POWER_PRUNE &&
				escalation_buildkit_gives(route->powers[i]))
				return true;
		}
	}
	return false;
}

/* Over HTTP/2 a client may reach BuildKit, whatever the answers say. */
static void query_buildkit(struct question *q)
{
	char version[32] = "";

	q->buildkit = is_of_buildkit(q)
		? access_find_buildkit(q->settings, version, sizeof(version))
		: BUILDKIT_ASKED;
	escalation_buildkit_write(q->buildkit, version, q->over_http2, sizeof(q->over_http2));
}

static void print_lines(const json_t *list, enum verdict verdict)
{
	bool allow = verdict == VERDICT_ALLOW;
	bool ask = verdict == VERDICT_ASK;
	size_t i;
	const json_t *v;

	json_array_foreach (list, i, v) {
		char text[700];

		if (json_is_true(json_object_get(v, "allowed")) != allow ||
			json_is_true(json_object_get(v, "asks")) != ask)
			continue;
		(void)snprintf(text, sizeof(text), "%s: %s: %s",
			json_string_value(json_object_get(v, "subject")),
			json_string_value(json_object_get(v, "operation")),
			json_string_value(json_object_get(v, "why")));
		output_shaded(allow   ? OUTPUT_GOOD
				: ask ? OUTPUT_DOUBTFUL
				      : OUTPUT_BAD,
			allow         ? SPAN("allow  ")
				: ask ? SPAN("ask    ")
				      : SPAN("deny   "));
		output_wrapped(strlen("allow  "), text);
	}
}

static int show(struct question *q, bool json)
{
	if (json) {
		json_auto_t *o = json_pack("{s:o, s:b, s:O, s:{s:s, s:s}}", "settings",
			installed_settings_json(q->settings), "allowed", q->any, "answers", q->list,
			"buildkit", "state", escalation_buildkit_name(q->buildkit), "text",
			q->over_http2);

		output_json(o);
	} else {
		installed_settings_print(q->settings);
		print_lines(q->list, VERDICT_ALLOW);
		print_lines(q->list, VERDICT_ASK);
		print_lines(q->list, VERDICT_DENY);
		if (q->over_http2[0] != '\0')
			output_wrapped(0, q->over_http2);
	}
	return q->any ? EXIT_FINE : EXIT_FINDINGS;
}

/* --- the command -----------------------------------------------------------------------*/

/* What is not a power, nor the flag of one, may be an operation. */
static bool parse_name(struct question *q, struct span name, struct nearest *s)
{
	*s = nearest_to(name, 0);
	powers_suggest(s);
	operations_suggest(s);
	q->query.power = power_find(name);
	for (size_t i = 0; i < POWER_COUNT && q->query.power == POWER_COUNT; i++) {
		if (span_equal(name, span_of(power_info((enum power)i)->flag)))
			q->query.power = (enum power)i;
	}
	if (q->query.power != POWER_COUNT)
		return true;
	q->operation = name;
	return operation_find(name) != OPERATION_COUNT;
}

static const struct option options[] = { SETTINGS_OPTIONS, { "on", required_argument, NULL, 'o' },
	{ "with", required_argument, NULL, 'w' }, { "json", no_argument, NULL, 'j' },
	{ NULL, 0, NULL, 0 } };

static int parse_arguments(struct arguments *a, int argc, char **argv)
{
	int o;

	while ((o = command_option(&who_can_command, argc, argv)) != -1) {
		if (o == 'o')
			a->on = optarg;
		else if (o == 'w')
			a->with = optarg;
		else if (o == 'j')
			a->json = true;
		else if (!settings_choice_parse(&a->settings, o, optarg))
			return EXIT_USAGE;
	}
	if (argc - optind != 1)
		return command_usage("who-can", "write one OPERATION or POWER");
	a->what = argv[optind];
	return 0;
}

static int answer(struct question *q, const struct arguments *a)
{
	struct facts facts = { .reading = READING_EXACT };
	struct mount_lookup *lookup = NULL;
	struct span on = span_of(a->on);
	struct condition_facts with;
	struct err e;
	int rc = 0;

	if (a->with && condition_facts_parse(span_of(a->with), &with, &e) != 0)
		return command_usage("who-can", "--with: %s", e.text);
	q->query.conditions = a->with ? &with : NULL;

	if (a->on) {
		enum list_kind kind = parse_kind(&on, q->query.power);

		q->query.with = &facts;
		rc = make_detail(on, kind, &facts, &e);
		if (rc == 0)
			rc = simulate_mounts(q->policy, &facts, &lookup, &e);
	}
	if (rc != 0) {
		rc = command_usage("who-can", "%s", e.text);
	} else {
		query_operations(q);
		query_buildkit(q);
		rc = q->carried ? show(q, a->json)
				: command_usage("who-can", "no request can ask for %s with %s",
					  a->what, a->on);
	}
	q->query.with = NULL;
	q->query.conditions = NULL;
	facts_free(&facts);
	mount_lookup_release(lookup);
	return rc;
}

static int run_who_can(int argc, char **argv)
{
	struct arguments a = { .what = NULL };
	AUTO_SETTINGS struct installed_settings *settings = NULL;
	json_auto_t *list = json_array();
	struct question q = { .query = { .power = POWER_COUNT }, .list = list };
	struct nearest s;
	int rc = parse_arguments(&a, argc, argv);

	if (rc != 0)
		return rc;
	if (!parse_name(&q, span_of(a.what), &s)) {
		if (s.word.n == 0)
			return command_usage("who-can", "no operation or power \"%s\"", a.what);
		(void)fprintf(stderr,
			"dsp who-can: no operation or power \"%s\"; did you mean \"%.*s\"?\n",
			a.what, (int)s.word.n, s.word.s);
		return EXIT_USAGE;
	}
	rc = installed_settings_open("who-can", &a.settings, &settings);
	if (rc != 0)
		return rc;
	q.settings = settings;
	q.policy = &settings->config->policy;
	return answer(&q, &a);
}

const struct command who_can_command = {
	.name = "who-can",
	.arguments =
		"OPERATION|POWER [--on DETAIL] [--with KEYS] [--json] [--policy FILE] [--env-file FILE] [--no-config]",
	.run = run_who_can,
	.options = options,
	.summary = "list who may use an operation or a power, and by which rule or flag",
	.help = "  --on DETAIL      with this mount (/srv/x, /srv/x:ro), device, CAP_NAME, port or\n"
		"                   image; other kinds need their name: network:x, volume:x,\n"
		"                   container:x; or what a container is, as far as you know:\n"
		"                   owner=bob,name=web,label:team=red,image=nginx (volume:owner=bob)\n"
		"  --with KEYS      with a request that gives of memory=1g, cpus=2, pids=100, user=1000,\n"
		"                   read_only, no_new_privileges, cap_drop=ALL and pinned=tag those that\n"
		"                   stand here, with commas between them; else each condition is met\n"
		"  --json           print JSON\n"
		"  --policy FILE    this policy file in place of the installed one\n"
		"  --env-file FILE  this env file in place of the installed one\n"
		"  --no-config      this shell's environment in place of the installed dsp's settings\n"
		"  --managed        decide as the managed plugin, which cannot see mount sources\n"
		"\n"
		"Status 0: at least one user may; 1: no user may; 2: this user cannot read the installed\n"
		"settings; 78: they are broken.\n",
};
