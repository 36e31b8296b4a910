#include <jansson.h>
#include <stdio.h>
#include <strings.h>

#include "dsp/config/command.h"
#include "dsp/config/config.h"
#include "dsp/config/output.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/facts/paths.h"
#include "dsp/core/policy/rule_match.h"
#include "dsp/explain/simulate.h"
#include "dsp/protocol/envelope.h"
#include "dsp/system/file.h"

enum {
	HEADERS_MOST = CLIENT_HEADERS_MOST,
	LABEL = 11, /* columns before the text of a line */
};

struct arguments {
	const char *method;
	const char *target;
	const char *user;
	const char *body_file;
	const char *request_file;
	const char *as; /* a subject of the policy file */
	struct sources sources;
	bool json;
	const char *headers[HEADERS_MOST + 1]; /* ends with NULL */
	size_t header_count;
};

static int parse_header(struct arguments *a, const char *header)
{
	if (!strchr(header, ':') || header[0] == ':')
		return command_usage("explain", "--header %s: not \"Name: value\"", header);
	if (a->header_count == HEADERS_MOST)
		return command_usage("explain", "more than %d headers", (int)HEADERS_MOST);
	a->headers[a->header_count++] = header;
	return 0;
}

static int parse_option(struct arguments *a, int option)
{
	switch (option) {
	case 'b':
		a->body_file = optarg;
		return 0;
	case 'h':
		return parse_header(a, optarg);
	case 'u':
		a->user = optarg;
		return 0;
	case 'r':
		a->request_file = optarg;
		return 0;
	case 'a':
		a->as = optarg;
		return 0;
	case 'j':
		a->json = true;
		return 0;
	default:
		return sources_parse(&a->sources, option, optarg) ? 0 : EXIT_USAGE;
	}
}

static const struct option options[] = { { "body", required_argument, NULL, 'b' },
	{ "header", required_argument, NULL, 'h' }, { "user", required_argument, NULL, 'u' },
	{ "request", required_argument, NULL, 'r' }, { "as", required_argument, NULL, 'a' },
	SOURCES_OPTIONS, { "json", no_argument, NULL, 'j' }, { NULL, 0, NULL, 0 } };

static int parse_arguments(struct arguments *a, int argc, char **argv)
{
	int o;

	while ((o = command_option(&explain_command, argc, argv)) != -1) {
		if (parse_option(a, o) != 0)
			return EXIT_USAGE;
	}
	if (a->request_file) {
		if (optind != argc || a->body_file || a->header_count > 0 || a->user)
			return command_usage("explain",
				"--request stands alone: its file holds the whole request");
		return 0;
	}
	if (argc - optind != 2)
		return command_usage(
			"explain", "write METHOD and TARGET, such as POST /containers/web/kill");
	a->method = argv[optind];
	a->target = argv[optind + 1];
	return 0;
}

/* The AuthZReq that dockerd would send for METHOD and TARGET. NULL and e: it cannot be made. */
static char *make_question(const struct arguments *a, struct err *e)
{
	struct client_request request = { a->method, a->target, a->user, a->headers, { NULL, 0 },
		false };
	AUTO_MEM char *text = NULL;

	if (a->body_file &&
		file_read(a->body_file, (size_t)ENVELOPE_BODY_MOST, &text, &request.body.n, e) != 0)
		return NULL;
	request.body.s = text;
	request.has_body = text != NULL;
	return simulate_question(&request, e);
}

static json_t *escaped(struct span s)
{
	char text[1024];

	text_escape(s, text, sizeof(text));
	return json_string(text);
}

static json_t *power_names(const struct powerset *set)
{
	json_t *list = json_array();

	for (size_t i = 0; i < POWER_COUNT; i++) {
		if (powerset_has(set, (enum power)i))
			(void)json_array_append_new(
				list, json_string(power_info((enum power)i)->name));
	}
	return list;
}

/* A detail with a key for each of its parts, and as one line. */
static json_t *detail_json(const struct attribute *d)
{
	char line[256];
	bool mount = d->kind == ATTRIBUTE_MOUNT;
	bool looked = mount && d->mount_info;

	attribute_write(d, line, sizeof(line));
	return json_pack("{s:s?, s:s, s:s%, s:o, s:o?, s:o?, s:o?, s:o?, s:b, s:b, s:b, s:b, s:s}",
		"power", d->power == POWER_COUNT ? NULL : power_info(d->power)->name, "kind",
		attribute_kind_name(d->kind), "field", d->field.s ? d->field.s : "", d->field.n,
		"text", escaped(d->text), "target", mount ? escaped(d->target) : NULL, "read_only",
		mount ? json_boolean(d->read_only) : NULL, "resolved",
		looked ? json_string(d->mount_info->path) : NULL, "seen",
		looked ? json_boolean(d->mount_info->visible) : NULL, "maybe_id", d->maybe_id,
		"all_tags", d->all_tags, "whole", d->whole, "implied", d->implied, "line", line);
}

static json_t *details_json(const struct attributes *details)
{
	json_t *list = json_array();

	for (size_t i = 0; i < details->count; i++) {
		if (!attribute_is_usual(&details->items[i]))
			(void)json_array_append_new(list, detail_json(&details->items[i]));
	}
	return list;
}

static const char *reading_name(enum reading reading)
{
	switch (reading) {
	case READING_UNROUTABLE:
		return "unroutable";
	case READING_UNREADABLE:
		return "unreadable";
	case READING_EXACT:
		break;
	}
	return "exact";
}

static const char *section_name(const struct route *route)
{
	return route && route->section != SECTION_NONE
		? flag_at(flag_of_section(route->section))->arg
		: "none";
}

static const char *operation_of(const struct facts *facts)
{
	if (facts->route)
		return facts->route->name;
	return facts->reading == READING_UNROUTABLE ? "none" : "unknown";
}

static json_t *subject_json(const struct subject *subject)
{
	char text[128];

	subject_write(subject, text, sizeof(text));
	return json_string(text);
}

/* Where a list has the directory of a mount, but not what is below. */
static void add_exact(const struct list *list, const struct attribute *d, struct line *l)
{
	struct span source = d->mount_info ? span_of(d->mount_info->path) : d->clean;
	char path[64];

	for (size_t i = 0; i < list->count; i++) {
		const struct pattern *p = &list->items[i];

		if (p->read_only || p->below || source.n <= p->text.n ||
			!path_within(source, p->text))
			continue;
		text_escape(p->text, path, sizeof(path));
		line_add(l, "; \"%s\" covers that path alone", path);
		return;
	}
}

/* Writes why a rule did or did not match. */
static void match_text(const struct rule_match *f, const struct rule *rule, char *out, size_t cap)
{
	char item[128] = "";
	struct line l;

	line_init(&l, out, cap);
	switch (f->result) {
	case MATCH_YES:
		line_add(&l, rule->monitor ? "matches, and only logs" : "matches");
		return;
	case MATCH_NOT_SUBJECT:
		line_add(&l, "is not for this user");
		return;
	case MATCH_NOT_OPERATION:
		line_add(&l, "is not for this operation");
		return;
	case MATCH_NOT_LIST:
		if (f->item)
			attribute_write(f->item, item, sizeof(item));
		line_add(&l, "its %s do not %s%s%s", list_name(f->list),
			rule->deny ? "match the request" : "cover ", item,
			!rule->deny && !f->item ? "what dsp cannot see in the request" : "");
		if (!rule->deny && f->item && f->list == LIST_MOUNTS)
			add_exact(&rule->lists[LIST_MOUNTS], f->item, &l);
		return;
	case MATCH_NOT_POWERS:
		break;
	}
	line_add(&l, rule->deny ? "the request needs none of its powers" : "it does not have ");
	if (!rule->deny)
		(void)powers_write(&f->missing, ", ", &l);
}

/* The rules in their order, up to the one that decided. */
static json_t *rules_json(const struct policy *policy, const struct simulation *j)
{
	struct powerset powers = decide_powers(policy, &j->facts);
	json_t *list = json_array();
	bool before = true;

	for (size_t i = 0; policy->file_rules && i < policy->file_rules->count && before; i++) {
		const struct rule *rule = &policy->file_rules->items[i];
		struct rule_match f = rule_match(rule, j->subject.id, &j->facts, &powers);
		char why[256];

		match_text(&f, rule, why, sizeof(why));
		(void)json_array_append_new(list,
			json_pack("{s:o, s:s, s:b, s:s}", "rule", escaped(rule->name), "kind",
				rule->deny ? "deny" : "allow", "matches", f.result == MATCH_YES,
				"why", why));
		before = j->decision.rule != rule;
	}
	return list;
}

/* The whole explanation as a JSON object; the text is made from it too. */
static json_t *account_json(const struct policy *policy, const struct simulation *j)
{
	const struct facts *f = &j->facts;
	const struct route *route = f->route;
	const struct decision *d = &j->decision;
	bool allow = d->verdict == VERDICT_ALLOW;
	bool denied = !allow || d->monitored;

	return json_pack(
		"{s:b, s:s, s:b, s:s, s:s, s:o?, s:s?, s:s, s:s, s:s?, s:s, s:s?, s:o, s:o, s:o, s:o, "
		"s:o, s:o, s:o, s:o, s:s, s:s?, s:o, s:o, s:s?}",
		"allow", allow, "verdict", allow ? "allow" : "deny", "monitored", d->monitored,
		"reason", d->reason, "decided_by", decider_name(d->by), "rule",
		d->rule ? escaped(d->rule->name) : NULL, "flag",
		d->flag < FLAG_COUNT ? flag_at(d->flag)->name : NULL, "profile",
		profile_info(policy->profile)->name, "operation", operation_of(f), "pattern",
		route ? route->pattern : NULL, "section", section_name(route), "access",
		route ? (route->write ? "write" : "read") : NULL, "powers", power_names(&f->powers),
		"closed", power_names(&d->closed), "details", details_json(&f->attributes), "rules",
		rules_json(policy, j), "method", escaped(j->request.method), "target",
		escaped(j->request.target), "path", escaped(f->target.path), "name",
		escaped(f->name), "reading", reading_name(f->reading), "doubt",
		f->reading == READING_EXACT ? NULL : f->doubt.text, "user",
		escaped(j->request.user), "subject", subject_json(&j->subject), "message",
		denied ? j->message : NULL);
}

/* "  no shells in prod: is not for this user" */
static void print_rules(const json_t *list)
{
	size_t i;
	const json_t *v;

	json_array_foreach (list, i, v) {
		char text[480];

		(void)snprintf(text, sizeof(text), "%s: %s",
			json_string_value(json_object_get(v, "rule")),
			json_string_value(json_object_get(v, "why")));
		(void)printf("  %-5s ", json_string_value(json_object_get(v, "kind")));
		output_wrapped(strlen("  allow "), text);
	}
}

static void print_list(const char *label, const json_t *list)
{
	size_t i;
	const json_t *v;

	char text[1200];
	struct line l;

	line_init(&l, text, sizeof(text));
	json_array_foreach (list, i, v)
		line_add(&l, "%s%s", i > 0 ? ", " : "", json_string_value(v));
	(void)printf("%-*s", LABEL, label);
	output_wrapped(LABEL, l.n > 0 ? text : "none");
}

/* "  host_mounts       /etc -> /host (rw)" */
static void print_details(const json_t *list)
{
	size_t i;
	const json_t *v;

	json_array_foreach (list, i, v) {
		const char *power = json_string_value(json_object_get(v, "power"));

		(void)printf("  %-17s", power ? power : "-");
		output_wrapped(19, json_string_value(json_object_get(v, "line")));
	}
}

static void print_line(const json_t *o, const char *label, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	if (!text || !text[0])
		return;
	(void)printf("%-*s", LABEL, label);
	output_wrapped(LABEL, text);
}

static void print_verdict(const json_t *o)
{
	bool allow = json_is_true(json_object_get(o, "allow"));

	(void)printf("%-*s", LABEL, "verdict");
	output_shaded(allow ? OUTPUT_GOOD : OUTPUT_BAD, allow ? SPAN("allow") : SPAN("deny"));
	(void)printf("\n");
}

static void print_text(const json_t *o)
{
	print_line(o, "method", "method");
	print_line(o, "target", "target");
	print_line(o, "user", "user");
	if (json_array_size(json_object_get(o, "rules")) > 0)
		print_line(o, "subject", "subject");
	print_line(o, "path", "path");
	print_line(o, "operation", "operation");
	print_line(o, "name", "name");
	print_line(o, "section", "section");
	print_line(o, "access", "access");
	print_list("powers", json_object_get(o, "powers"));
	print_details(json_object_get(o, "details"));
	print_line(o, "reading", "reading");
	print_line(o, "doubt", "doubt");
	print_line(o, "profile", "profile");
	if (json_array_size(json_object_get(o, "rules")) > 0)
		(void)printf("rules\n");
	print_rules(json_object_get(o, "rules"));
	print_verdict(o);
	if (json_is_true(json_object_get(o, "monitored")))
		(void)printf("%-11s%s\n", "monitored", "only monitor mode allows it");
	print_line(o, "reason", "reason");
	print_line(o, "decided by", "decided_by");
	print_line(o, "rule", "rule");
	print_line(o, "flag", "flag");
	print_line(o, "message", "message");
}

static int show(const struct policy *policy, const struct simulation *j, bool json, struct err *e)
{
	json_auto_t *o = account_json(policy, j);

	if (!o)
		return FAIL(e, 0, "no memory");
	if (json)
		output_json(o);
	else
		print_text(o);
	return j->decision.verdict == VERDICT_ALLOW ? EXIT_FINE : EXIT_FINDINGS;
}

static int fail(int status, const char *text)
{
	(void)fprintf(stderr, "dsp explain: %s\n", text);
	return status;
}

static int explain(const struct config *c, const struct arguments *a, struct question_text question)
{
	AUTO_MEM struct simulation *j = mem_array(1, sizeof(*j));
	struct err e;
	int rc;

	if (!j)
		return fail(EXIT_FINDINGS, "no memory");
	rc = simulate(&c->policy, question, a->as, j, &e);
	if (rc == 0)
		rc = show(&c->policy, j, a->json, &e);
	simulation_free(j);
	return rc < 0 ? fail(EXIT_FINDINGS, e.text) : rc;
}

static int read_and_explain(const struct arguments *a, const struct config *c)
{
	AUTO_MEM char *question = NULL;
	size_t len = 0;
	struct err e;

	if (!a->request_file) {
		question = make_question(a, &e);
		len = question ? strlen(question) : 0;
	} else if (file_read(a->request_file, ENVELOPE_MOST, &question, &len, &e) != 0) {
		return fail(EXIT_USAGE, e.text);
	}
	if (!question)
		return fail(EXIT_USAGE, e.text);
	return explain(c, a, (struct question_text){ question, len });
}

static int run_explain(int argc, char **argv)
{
	struct arguments a = { .method = NULL };
	AUTO_CONFIG struct config *c = NULL;
	struct err e;
	int rc = parse_arguments(&a, argc, argv);

	if (rc != 0)
		return rc;
	if (config_read(&a.sources, &c, &e) != 0)
		return fail(EXIT_BROKEN, e.text);
	return read_and_explain(&a, c);
}

const struct command explain_command = {
	.name = "explain",
	.arguments =
		"METHOD TARGET [--body FILE|-] [--header 'K: V']... [--user NAME|--as USER] [--policy FILE] [--env-file FILE] [--json]",
	.run = run_explain,
	.options = options,
	.summary = "show how dsp parses and decides one request under the current settings",
	.help = "  --body FILE      the body; without --header it is JSON, with its length\n"
		"  --header 'K: V'  a header as the client sends it; may be repeated\n"
		"  --user NAME      the name in the client's TLS certificate\n"
		"  --as USER        decide as for this user of the policy file, or anonymous\n"
		"  --request FILE   read a recorded AuthZReq instead of METHOD and TARGET\n"
		"  --socket PATH    the plugin socket; its file name is the name of the plugin\n"
		"  --policy FILE    the policy file (DSP_POLICY)\n"
		"  --env-file FILE  read the flags from FILE, not from the environment\n"
		"  --managed        decide as the managed plugin, which cannot see mount sources\n"
		"  --json           print JSON\n"
		"\n"
		"Without --body, dsp adds Content-Length: 0, unless a --header has a length or Transfer-Encoding.\n"
		"Status 0: allowed; 1: denied; 78: the settings are broken.\n",
};
