#include <getopt.h>
#include <jansson.h>
#include <stdio.h>

#include "dsp/cli.h"
#include "dsp/escape.h"
#include "dsp/mem.h"
#include "dsp/message.h"
#include "dsp/text.h"

/* What is open of one kind, as lines and as JSON. */
struct findings_of {
	const struct config *config;
	json_t *direct;         /* ways to root on the host */
	json_t *through_others; /* ways through what containers and images hold already */
};

static void add_escape(struct findings_of *f, enum power p, const struct subject *subject,
	const struct escape *found)
{
	const struct power_info *info = power_info(p);
	char who[128];
	char why[160];
	char text[400];

	subject_write(subject, who, sizeof(who));
	escape_why(&f->config->policy, p, &found->decision, why, sizeof(why));
	(void)snprintf(text, sizeof(text), "%s can %s: %s",
		subject->id == SUBJECT_ANONYMOUS ? "anonymous clients" : who, info->escape, why);
	(void)json_array_append_new(info->root == ROOT_DIRECT ? f->direct : f->through_others,
		json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s, s:s, s:s}", "power", info->name, "root",
			root_name(info->root), "subject", who, "operation",
			found->route ? found->route->name : "unknown", "closed_by",
			found->decision.rule ? NULL : info->flag, "what", info->escape, "why", why,
			"text", text));
}

static void look_at(struct findings_of *f, enum power p)
{
	const struct rules *rules = f->config->policy.file_rules;
	size_t subjects = rules ? rules->subject_count : 1;
	struct escape found;

	if (power_info(p)->root == ROOT_NO)
		return;
	for (size_t i = 0; i < subjects; i++) {
		struct subject subject = subject_at(rules, i);

		if (escape_find(&f->config->policy, &subject, p, &found))
			add_escape(f, p, &subject, &found);
	}
}

static const char *text_of(const json_t *finding, const char *key)
{
	return json_string_value(json_object_get(finding, key));
}

static bool is_same_way(const json_t *a, const json_t *b)
{
	return strcmp(text_of(a, "power"), text_of(b, "power")) == 0 &&
		strcmp(text_of(a, "why"), text_of(b, "why")) == 0;
}

/* Whether an earlier finding has the same power and the same reason: one line tells of all. */
static bool is_told(const json_t *list, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (is_same_way(json_array_get(list, i), json_array_get(list, at)))
			return true;
	}
	return false;
}

/* "anonymous clients, ci and 3 more" */
static void print_subjects(const json_t *list, size_t at)
{
	enum { NAMED = 4 };
	const json_t *first = json_array_get(list, at);
	size_t n = 0;

	for (size_t i = at; i < json_array_size(list); i++) {
		const json_t *v = json_array_get(list, i);
		const char *who = text_of(v, "subject");

		if (!is_same_way(first, v))
			continue;
		if (n < NAMED)
			(void)printf("%s%s", n > 0 ? ", " : "",
				strcmp(who, "anonymous") == 0 ? "anonymous clients" : who);
		n++;
	}
	if (n > NAMED)
		(void)printf(" and %zu more", n - NAMED);
}

static void print_way(const json_t *list, size_t at)
{
	const json_t *v = json_array_get(list, at);
	const char *flag = text_of(v, "closed_by");

	(void)printf("  ");
	print_subjects(list, at);
	(void)printf(" can %s: %s%s%s%s\n", text_of(v, "what"), text_of(v, "why"), flag ? "; " : "",
		flag ? flag : "", flag ? "=0 closes it" : "");
}

static bool has_power(const json_t *list, enum power p)
{
	size_t i;
	const json_t *v;

	json_array_foreach (list, i, v) {
		if (strcmp(text_of(v, "power"), power_info(p)->name) == 0)
			return true;
	}
	return false;
}

static void print_direct(const struct findings_of *f)
{
	size_t count = json_array_size(f->direct);

	if (count == 0) {
		(void)printf("No direct way to root on the host is known to stay open.\n");
		return;
	}
	(void)printf("Ways to root on the host that stay open:\n");
	for (size_t i = 0; i < count; i++) {
		if (!is_told(f->direct, i))
			print_way(f->direct, i);
	}
	if (has_power(f->direct, POWER_HOST_MOUNTS))
		(void)printf(
			"Mounts of /, /etc, /run, /run/docker hold what keeps dsp in force: its "
			"socket, the configuration of both, their units.\n");
	if (f->config->policy.profile == PROFILE_GUARD)
		(void)printf("Profile guard is no wall against a client that may create "
			     "containers; DSP_PROFILE=hardened closes these ways.\n");
}

static void print_through_others(const struct findings_of *f)
{
	size_t i;
	const json_t *v;

	const char *last = "";

	if (json_array_size(f->through_others) == 0)
		return;
	(void)printf("Open, and worth root where a container or an image already holds it:\n  ");
	json_array_foreach (f->through_others, i, v) {
		if (strcmp(last, text_of(v, "power")) != 0)
			(void)printf("%s%s", i > 0 ? ", " : "", text_of(v, "power"));
		last = text_of(v, "power");
	}
	(void)printf("\n");
}

static json_t *findings_json(const struct findings *all)
{
	json_t *list = json_array();

	for (size_t i = 0; i < all->count; i++) {
		const struct finding *f = &all->items[i];

		(void)json_array_append_new(list,
			json_pack("{s:s, s:i, s:i, s:s, s:s}", "file", all->file, "line",
				(int)f->line, "column", (int)f->column, "severity",
				f->warning ? "warning" : "error", "text", f->text));
	}
	return list;
}

static void print_json(const struct findings_of *f, const char *broken)
{
	const struct config *c = f->config;
	json_auto_t *o = json_pack("{s:o, s:o, s:s?, s:s?, s:O, s:O}", "errors",
		broken ? json_pack("[s]", broken) : json_array(), "findings",
		c ? findings_json(&c->findings) : json_array(), "profile",
		c && !broken ? profile_info(c->policy.profile)->name : NULL, "notices",
		c ? c->settings.notices : NULL, "escapes", f->direct, "through_others",
		f->through_others);

	(void)json_dumpf(o, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	(void)printf("\n");
}

static void print_findings(const struct findings *all)
{
	for (size_t i = 0; i < all->count; i++)
		(void)printf("%s:%zu:%zu: %s%s\n", all->file, all->items[i].line,
			all->items[i].column, all->items[i].warning ? "warning: " : "",
			all->items[i].text);
}

static void print_text(const struct findings_of *f, const char *broken)
{
	const struct config *c = f->config;

	if (c)
		print_findings(&c->findings);
	if (broken) {
		if (!c || c->findings.count == 0)
			(void)printf("error: %s\n", broken);
		return;
	}
	(void)printf("%s", c->settings.notices);
	(void)printf("The settings are well-formed: profile %s.\n",
		profile_info(c->policy.profile)->name);
	if (c->policy.monitor)
		(void)printf("MONITOR MODE: denials are only recorded.\n");
	print_direct(f);
	print_through_others(f);
}

struct arguments {
	struct sources sources;
	bool fail_on_escape;
	bool json;
};

static int take_arguments(struct arguments *a, int argc, char **argv)
{
	static const struct option options[] = { SOURCES_OPTIONS,
		{ "fail-on", required_argument, NULL, 'f' }, { "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 } };
	int o;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	while ((o = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (sources_take(&a->sources, o, optarg))
			continue;
		if (o == 'f' && strcmp(optarg, "escape") == 0)
			a->fail_on_escape = true;
		else if (o == 'f')
			return cli_usage("check", "--fail-on %s: it may be escape", optarg);
		else if (o == 'j')
			a->json = true;
		else
			return cli_usage(
				"check", "%s: unknown, or its value is missing", argv[optind - 1]);
	}
	if (argc - optind > 1 || (optind < argc && a->sources.policy))
		return cli_usage("check", "%s: not expected", argv[argc - 1]);
	if (optind < argc)
		a->sources.policy = argv[optind];
	return 0;
}

static int check(const struct config *c, const struct arguments *a, const char *broken)
{
	json_auto_t *direct = json_array();
	json_auto_t *through_others = json_array();
	struct findings_of f = { .config = c, .direct = direct, .through_others = through_others };

	for (size_t i = 0; !broken && i < POWER_COUNT; i++)
		look_at(&f, (enum power)i);
	if (a->json)
		print_json(&f, broken);
	else
		print_text(&f, broken);
	if (broken || (c && c->findings.count > 0) ||
		(a->fail_on_escape && json_array_size(direct) > 0))
		return EXIT_FINDINGS;
	return EXIT_FINE;
}

int cli_check(int argc, char **argv)
{
	struct arguments a = { .json = false };
	AUTO_CONFIG struct config *c = NULL;
	struct err e;
	int rc = take_arguments(&a, argc, argv);

	if (rc != 0)
		return rc;
	rc = config_read(&a.sources, &c, &e);
	return check(c, &a, rc != 0 ? e.text : NULL);
}
