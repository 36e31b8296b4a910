#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/stat.h>

#include "check_entries.h"
#include "dsp/config/command.h"
#include "dsp/config/output.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/escalation.h"
#include "dsp/core/policy/message.h"
#include "dsp/dockerd/dockerd_http2.h"
#include "dsp/dockerd/installed_settings.h"
#include "dsp/host/mount_lookup.h"

enum { NAMED = 4 }; /* subjects in one line; the others are counted */

/* One way to a power that stays open, and for whom: the same rule, or the same flag. */
struct way {
	enum power power;
	struct escalation found; /* of the first of them */
	size_t subjects[NAMED];
	size_t count;
};

struct survey {
	struct config *config; /* NULL: out of memory */
	const char *broken;    /* why dspd cannot use them; NULL: they are valid */
	struct way *ways;
	size_t count;
	size_t room;
	bool lost; /* memory ran out */
	enum buildkit buildkit;
	char dockerd[32];     /* its version; empty: unknown */
	char over_http2[400]; /* what buildkit comes to; empty: nothing */
	json_t *direct;       /* ways to root on the host, one for each subject; NULL: not wanted */
	json_t *through_others; /* ways through what containers and images hold already */
};

struct arguments {
	struct settings_choice settings;
	bool fail_on_escape;
	bool json;
	/* Of this host's dockerd, if the settings are those of the dsp that is installed here. */
	enum buildkit buildkit;
	char dockerd[32]; /* its version; empty: unknown */
};

static void write_subject(const struct config *c, size_t id, char *out, size_t cap)
{
	struct subject subject = subject_at(c->policy.file_rules, id);

	if (id == SUBJECT_ANONYMOUS)
		text_copy(SPAN("anonymous clients"), out, cap);
	else
		subject_write(&subject, out, cap);
}

static void add_json(struct survey *s, enum power p, size_t id, const struct escalation *found)
{
	const struct power_info *info = power_info(p);
	struct subject subject = subject_at(s->config->policy.file_rules, id);
	char name[128];
	char who[128];
	char why[320];
	char text[560];

	write_subject(s->config, id, who, sizeof(who));
	subject_write(&subject, name, sizeof(name));
	escalation_write(&s->config->policy, found, id, why, sizeof(why));
	(void)snprintf(text, sizeof(text), "%s can %s: %s", who, info->escalation, why);
	(void)json_array_append_new(info->root == ROOT_DIRECT ? s->direct : s->through_others,
		json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s, s:s, s:s}", "power", info->name, "root",
			root_name(info->root), "subject", name, "operation",
			found->route ? found->route->name : "unknown", "closed_by",
			found->decision.rule ? NULL : info->flag, "what", info->escalation, "why",
			why, "text", text));
}

/* BuildKit over HTTP/2, which no flag and no rule closes. */
static void survey_buildkit(struct survey *s, const struct arguments *a)
{
	s->buildkit = a->buildkit;
	text_copy(span_of(a->dockerd), s->dockerd, sizeof(s->dockerd));
	escalation_buildkit_write(s->buildkit, s->dockerd, s->over_http2, sizeof(s->over_http2));
	if (s->direct && s->buildkit == BUILDKIT_UNASKED)
		(void)json_array_append_new(s->direct,
			json_pack("{s:s, s:s, s:s, s:s, s:n, s:s, s:s, s:s}", "power",
				power_info(POWER_BUILD_OPTIONS)->name, "root",
				root_name(ROOT_DIRECT), "subject", "everyone", "operation", "grpc",
				"closed_by", "what", "reach BuildKit over HTTP/2", "why",
				"dockerd asks no plugin about it", "text", s->over_http2));
}

/* Finds or adds a way to the power surveyed last; NULL: out of memory. */
static struct way *way_of(struct survey *s, enum power p, const struct escalation *found)
{
	struct way *more;

	for (size_t i = s->count; i > 0 && s->ways[i - 1].power == p; i--) {
		if (s->ways[i - 1].found.decision.rule == found->decision.rule)
			return &s->ways[i - 1];
	}
	if (s->count == s->room) {
		s->room = s->room > 0 ? 2 * s->room : 64;
		more = mem_resize(s->ways, s->room * sizeof(*more));
		if (!more)
			return NULL;
		s->ways = more;
	}
	s->ways[s->count] = (struct way){ .power = p, .found = *found };
	return &s->ways[s->count++];
}

static void survey_power(struct survey *s, enum power p)
{
	const struct rules *rules = s->config->policy.file_rules;
	size_t subjects = rules ? rules->subject_count : 1;

	if (power_info(p)->root == ROOT_NO)
		return;
	for (size_t id = 0; id < subjects && !s->lost; id++) {
		struct subject subject = subject_at(rules, id);
		struct escalation found;
		struct way *way;

		if (!escalation_find(&s->config->policy, &subject, p, &found))
			continue;
		way = way_of(s, p, &found);
		s->lost = !way;
		if (way && way->count++ < NAMED)
			way->subjects[way->count - 1] = id;
		if (s->direct)
			add_json(s, p, id, &found);
	}
}

/* "  anonymous clients, ci and 3 more can bind any path of the host: ..." */
static void print_way(const struct survey *s, const struct way *way)
{
	const struct power_info *info = power_info(way->power);
	const struct rule *rule = way->found.decision.rule;
	char all[1200];
	char text[320];
	struct line l;

	line_init(&l, all, sizeof(all));
	for (size_t i = 0; i < way->count && i < NAMED; i++) {
		write_subject(s->config, way->subjects[i], text, sizeof(text));
		line_add(&l, "%s%s", i > 0 ? ", " : "", text);
	}
	if (way->count > NAMED)
		line_add(&l, " and %zu more", way->count - NAMED);
	escalation_write(&s->config->policy, &way->found, way->subjects[0], text, sizeof(text));
	line_add(&l, " can %s: %s%s%s%s", info->escalation, text, rule ? "" : "; ",
		rule ? "" : info->flag, rule ? "" : "=0 closes it");
	(void)printf("  ");
	output_wrapped(4, all);
}

static bool is_direct(const struct way *way)
{
	return power_info(way->power)->root == ROOT_DIRECT;
}

static size_t count_direct(const struct survey *s)
{
	size_t n = s->buildkit == BUILDKIT_UNASKED;

	for (size_t i = 0; i < s->count; i++)
		n += is_direct(&s->ways[i]);
	return n;
}

static bool has_power(const struct survey *s, enum power p)
{
	for (size_t i = 0; i < s->count; i++) {
		if (s->ways[i].power == p)
			return true;
	}
	return false;
}

static void print_direct(const struct survey *s)
{
	if (count_direct(s) == 0) {
		output_wrapped(0, "No direct way to root on the host is known to stay open.");
		return;
	}
	output_wrapped(0, "Direct ways to root on the host that stay open:");
	if (s->buildkit == BUILDKIT_UNASKED) {
		(void)printf("  ");
		output_wrapped(4, s->over_http2);
	}
	for (size_t i = 0; i < s->count; i++) {
		if (is_direct(&s->ways[i]))
			print_way(s, &s->ways[i]);
	}
	if (has_power(s, POWER_HOST_MOUNTS))
		output_wrapped(0,
			"A mount of /, /etc, /run, /run/docker, /usr or /usr/bin reaches what keeps dsp in force: its socket, the configuration of dsp and Docker, units, programs.");
	if (s->config->policy.profile == PROFILE_GUARD)
		output_wrapped(0,
			"Profile guard does not stop a client that can create containers. DSP_PROFILE=hardened closes these ways.");
}

static void print_through_others(const struct survey *s)
{
	enum power last = POWER_COUNT;
	char text[1200];
	struct line l;

	if (count_direct(s) == s->count + (s->buildkit == BUILDKIT_UNASKED))
		return;
	line_init(&l, text, sizeof(text));
	for (size_t i = 0; i < s->count; i++) {
		enum power p = s->ways[i].power;

		if (is_direct(&s->ways[i]) || p == last)
			continue;
		line_add(&l, "%s%s", last != POWER_COUNT ? ", " : "", power_info(p)->name);
		last = p;
	}
	output_wrapped(0, "Still open; each gives root if a container or an image already has it:");
	(void)printf("  ");
	output_wrapped(2, text);
}

/* "Who can enter which containers:", a line for each rule. */
static void print_entries(const struct config *c)
{
	json_auto_t *entries = check_entries(&c->policy);
	const json_t *v;
	size_t i;

	json_array_foreach (entries, i, v) {
		if (i == 0)
			output_wrapped(0, "Who can enter which containers:");
		(void)printf("  ");
		output_wrapped(4, json_string_value(json_object_get(v, "text")));
	}
}

static void print_asks(const struct config *c)
{
	json_auto_t *asks = check_asks(&c->policy);

	if (json_array_size(asks) > 0)
		output_wrapped(
			0, "What a rule with ask covers is not listed: root must approve it.");
}

static void add_findings_json(json_t *list, const struct findings *all)
{
	for (size_t i = 0; i < all->count; i++) {
		const struct finding *f = &all->items[i];

		(void)json_array_append_new(list,
			json_pack("{s:s, s:i, s:i, s:s, s:s}", "file", all->file, "line",
				(int)f->line, "column", (int)f->column, "severity",
				f->warning ? "warning" : "error", "text", f->text));
	}
}

/* All errors of the environment, else the one that is known. */
static json_t *errors_json(const struct survey *s)
{
	json_t *list = json_array();
	struct span rest = span_of(s->config ? s->config->settings.errors : "");

	while (s->broken && rest.n > 0) {
		struct span one = span_cut(&rest, '\n');

		(void)json_array_append_new(list, json_stringn(one.s, one.n));
	}
	if (s->broken && json_array_size(list) == 0)
		(void)json_array_append_new(list, json_string(s->broken));
	return list;
}

static json_t *survey_json(const struct survey *s)
{
	const struct config *c = s->config;
	const char *broken = s->broken;
	json_t *findings = json_array();
	json_t *o = json_pack("{s:o, s:o, s:s?, s:s?, s:O, s:O, s:o, s:o, s:{s:s, s:s?, s:s}}",
		"errors", errors_json(s), "findings", findings, "profile",
		c && !broken ? profile_info(c->policy.profile)->name : NULL, "notices",
		c ? c->settings.notices : NULL, "escapes", s->direct, "through_others",
		s->through_others, "entries",
		c && !broken ? check_entries(&c->policy) : json_array(), "asks",
		c && !broken ? check_asks(&c->policy) : json_array(), "buildkit", "state",
		escalation_buildkit_name(s->buildkit), "dockerd",
		s->dockerd[0] != '\0' ? s->dockerd : NULL, "text", s->over_http2);

	if (c) {
		add_findings_json(findings, &c->env_findings);
		add_findings_json(findings, &c->findings);
	}
	return o;
}

static void print_findings(const struct findings *all)
{
	for (size_t i = 0; i < all->count; i++) {
		const struct finding *f = &all->items[i];
		struct span label = f->warning ? SPAN("warning: ") : SPAN("error: ");
		int n = printf("%s:%zu:%zu: ", all->file, f->line, f->column);

		output_shaded(f->warning ? OUTPUT_DOUBTFUL : OUTPUT_BAD, label);
		output_wrapped((size_t)n + label.n, f->text);
	}
}

static void print_fault(const char *label, const char *text)
{
	output_shaded(OUTPUT_BAD, span_of(label));
	output_wrapped(strlen(label), text);
}

static void print_survey(const struct survey *s)
{
	const struct config *c = s->config;
	const char *broken = s->broken;
	char text[80];

	if (c) {
		print_findings(&c->env_findings);
		print_findings(&c->findings);
	}
	if (broken) {
		json_auto_t *errors = errors_json(s);
		const json_t *one;
		size_t i;

		json_array_foreach (errors, i, one) {
			if (!c || c->findings.count + c->env_findings.count == 0)
				print_fault("error: ", json_string_value(one));
		}
		return;
	}
	if (c->policy.monitor)
		print_fault(
			"MONITOR MODE: ", "dsp denies nothing, it only logs what it would deny.");
	(void)printf("%s", c->settings.notices);
	(void)snprintf(text, sizeof(text), "The settings are valid: profile %s.",
		profile_info(c->policy.profile)->name);
	output_wrapped(0, text);
	print_direct(s);
	print_through_others(s);
	print_entries(c);
	print_asks(c);
	if (s->buildkit == BUILDKIT_UNKNOWN)
		output_wrapped(0, s->over_http2);
}

/* --- mounts of rules that are links on this host -----------------------------------------------*/

/* Whether the path itself is a link, not only a directory above it. */
static bool is_link(struct span path)
{
	char text[1024];
	struct stat st;

	text_copy(path, text, sizeof(text));
	return path.n < sizeof(text) && lstat(text, &st) == 0 && S_ISLNK(st.st_mode);
}

/* Whether a list has this path, so that it holds whatever a link leads to. */
static bool has_path(const struct list *list, struct span path)
{
	for (size_t i = 0; i < list->count; i++) {
		if (span_equal(list->items[i].text, path))
			return true;
	}
	return false;
}

static void check_link(struct config *c, const struct rule *rule, const struct pattern *p,
	const struct mount_info *info)
{
	struct span target = span_of(info ? info->path : "");
	char text[96];
	char path[96];

	if (!info || !info->visible || span_equal(p->text, target))
		return;
	if (rule->verb == RULE_DENY &&
		(!is_link(p->text) || has_path(&rule->lists[LIST_MOUNTS], target)))
		return;
	text_escape(p->text, text, sizeof(text));
	text_escape(target, path, sizeof(path));
	if (rule->verb == RULE_DENY)
		findings_warning(&c->findings, rule->at,
			"the mount \"%s\" is a link to %s, which the rule denies only as long as the "
			"link leads there; add that path",
			text, path);
	else
		findings_warning(&c->findings, rule->at,
			"the mount \"%s\" covers nothing, because it is a link to %s; write that path",
			text, path);
}

/*
 * An allow rule compares its mounts with sources in which no link is left, a deny rule also with
 * what its mounts lead to at each request. -1 and e: no memory.
 */
static int check_links(struct config *c, struct err *e)
{
	const struct rules *rules = c->policy.file_rules;
	struct mount_lookup *l = mount_lookup_new(policy_own_paths(&c->policy), 0);
	int rc = l ? 0 : FAIL(e, ENOMEM, "the mounts of rules");

	/* First all are added, then each is asked for; those that are too many are left out. */
	for (int pass = 0; pass < 2 && rc == 0; pass++) {
		for (size_t i = 0; rules && i < rules->count; i++) {
			const struct rule *rule = &rules->items[i];
			const struct list *list = &rule->lists[LIST_MOUNTS];

			for (size_t k = 0; rc == 0 && k < list->count; k++) {
				const struct pattern *p = &list->items[k];

				if (pass == 1)
					check_link(c, rule, p, mount_lookup_find(l, p->text));
				else if (mount_lookup_add(l, p->text, e) != 0 && e->code != 0)
					rc = -1;
			}
		}
		if (pass == 0 && rc == 0)
			mount_lookup_run(l);
	}
	mount_lookup_release(l);
	findings_sort(&c->findings);
	return rc;
}

/* --- what is in force, and what is on disk -----------------------------------------------------*/

static void survey(
	struct survey *s, struct config *c, const char *broken, const struct arguments *a)
{
	static struct err e;

	*s = (struct survey){ .config = c, .broken = broken };
	if (!broken && !c->policy.mounts_invisible && check_links(c, &e) != 0)
		s->broken = e.text;
	if (a->json) {
		s->direct = json_array();
		s->through_others = json_array();
	}
	for (size_t i = 0; !s->broken && i < POWER_COUNT; i++)
		survey_power(s, (enum power)i);
	if (s->lost)
		s->broken = "no memory";
	if (!s->broken)
		survey_buildkit(s, a);
}

static void survey_free(struct survey *s)
{
	json_decref(s->direct);
	json_decref(s->through_others);
	mem_free(s->ways);
}

static bool fails(const struct survey *s, const struct arguments *a)
{
	return s->broken || (s->config && s->config->findings.count > 0) ||
		(a->fail_on_escape && count_direct(s) > 0);
}

/* Whether a reload would put other settings in force. */
static bool differs(const struct config *in_force, const struct config *disk)
{
	return !disk || strcmp(in_force->digest, disk->digest) != 0 ||
		strcmp(in_force->env_digest, disk->env_digest) != 0;
}

/* disk: NULL: it is as in force, or not known. */
static void print_surveys(const struct installed_settings *settings, const struct survey *s,
	const struct survey *disk, bool json)
{
	if (json) {
		json_auto_t *o = survey_json(s);

		(void)json_object_set_new(o, "settings", installed_settings_json(settings));
		(void)json_object_set_new(o, "on_disk", disk ? survey_json(disk) : json_object());
		output_json(o);
		return;
	}
	installed_settings_print(settings);
	if (disk) {
		output_wrapped(0,
			disk->broken ? "On disk, and not in force: dsp reload refuses it."
				     : "On disk, and not yet in force: run dsp reload.");
		print_survey(disk);
		output_wrapped(0, "In force:");
	}
	print_survey(s);
}

static int check(struct installed_settings *settings, const char *broken, const struct arguments *a)
{
	AUTO_CONFIG struct config *on_disk = NULL;
	struct survey disk = { .config = NULL };
	struct survey s;
	struct err e;
	int rc = installed_settings_read_disk(settings, &on_disk, &e);
	bool both = rc <= 0 && differs(settings->config, on_disk);
	int status;

	survey(&s, settings->config, broken, a);
	if (both)
		survey(&disk, on_disk, rc != 0 ? e.text : NULL, a);
	print_surveys(settings, &s, both ? &disk : NULL, a->json);
	status = fails(&s, a) || (both && fails(&disk, a)) ? EXIT_FINDINGS : EXIT_FINE;
	survey_free(&s);
	survey_free(&disk);
	return status;
}

static const struct option options[] = { SETTINGS_OPTIONS,
	{ "fail-on", required_argument, NULL, 'f' }, { "json", no_argument, NULL, 'j' },
	{ NULL, 0, NULL, 0 } };

static int parse_arguments(struct arguments *a, int argc, char **argv)
{
	struct sources *sources = &a->settings.sources;
	int o;

	while ((o = command_option(&check_command, argc, argv)) != -1) {
		if (settings_choice_parse(&a->settings, o, optarg))
			continue;
		if (o == 'f' && strcmp(optarg, "escape") == 0)
			a->fail_on_escape = true;
		else if (o == 'f')
			return command_usage(
				"check", "--fail-on %s: write --fail-on escape", optarg);
		else if (o == 'j')
			a->json = true;
		else
			return EXIT_USAGE;
	}
	if (argc - optind > 1 || (optind < argc && sources->policy))
		return command_usage("check", "%s: not expected", argv[argc - 1]);
	if (optind < argc)
		sources->policy = argv[optind];
	return 0;
}

static int run_check(int argc, char **argv)
{
	struct arguments a = { .json = false };
	AUTO_SETTINGS struct installed_settings *s = NULL;
	enum settings_result result;
	const struct config *c;
	const char *broken = NULL;
	struct err e;
	int rc = parse_arguments(&a, argc, argv);

	if (rc != 0)
		return rc;
	result = installed_settings_read(&a.settings, &s, &e);
	if (s)
		installed_settings_warn("check", s);
	if (!s || result == SETTINGS_CLOSED) {
		(void)fprintf(stderr, "dsp check: %s\n", e.text);
		return EXIT_USAGE;
	}
	if (s->origin != SETTINGS_OF_SHELL)
		a.buildkit = dockerd_http2_find(NULL, a.dockerd, sizeof(a.dockerd));
	c = s->config;
	if (result == SETTINGS_BROKEN)
		broken = e.text;
	else if (c && c->policy.broken[0])
		broken = c->policy.broken;
	return check(s, broken, &a);
}

const struct command check_command = {
	.name = "check",
	.arguments = "[POLICY] [--fail-on escape] [--json] [--env-file FILE] [--no-config]",
	.run = run_check,
	.options = options,
	.summary = "check the settings and the policy file; list the ways to root that stay open",
	.help = "  POLICY            this policy file in place of the installed one (or --policy FILE)\n"
		"  --fail-on escape  return status 1 if a direct way to root stays open\n"
		"  --json            print JSON\n"
		"  --env-file FILE   this env file in place of the installed one\n"
		"  --no-config       this shell's environment in place of the installed dsp's settings\n"
		"\n"
		"Where dsp is installed it also looks, as root, at this host's dockerd, and lists BuildKit\n"
		"over HTTP/2 where dockerd 29.2 or later serves that: no plugin is asked there. With\n"
		"--no-config, or without an installed dsp, that is unknown, and changes no status.\n"
		"\n"
		"Status 0: the settings are valid; 1: a finding in the settings or the policy file, in force or\n"
		"on disk, or what --fail-on names; 2: this user cannot read the installed settings.\n",
};
