#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <strings.h>

#include "dsp/cli.h"
#include "dsp/decide.h"
#include "dsp/envelope.h"
#include "dsp/mem.h"
#include "dsp/message.h"
#include "dsp/resolve.h"
#include "dsp/text.h"

enum { HEADERS_MOST = 64, LENGTH_HEADER = 48 };

struct arguments {
	const char *method;
	const char *target;
	const char *user;
	const char *body_file;
	const char *request_file;
	const char *env_file;
	const char *socket;
	bool json;
	const char *headers[HEADERS_MOST + 3]; /* ends with NULL; room for those that are implied */
	size_t header_count;
};

static int take_header(struct arguments *a, const char *header)
{
	if (!strchr(header, ':') || header[0] == ':')
		return cli_usage("explain", "--header %s: not \"Name: value\"", header);
	if (a->header_count == HEADERS_MOST)
		return cli_usage("explain", "more than %d headers", (int)HEADERS_MOST);
	a->headers[a->header_count++] = header;
	return 0;
}

static int take_option(struct arguments *a, int option, char **argv)
{
	switch (option) {
	case 'b':
		a->body_file = optarg;
		return 0;
	case 'h':
		return take_header(a, optarg);
	case 'u':
		a->user = optarg;
		return 0;
	case 'r':
		a->request_file = optarg;
		return 0;
	case 'e':
		a->env_file = optarg;
		return 0;
	case 's':
		a->socket = optarg;
		return 0;
	case 'j':
		a->json = true;
		return 0;
	default:
		return cli_usage(
			"explain", "%s: unknown, or its value is missing", argv[optind - 1]);
	}
}

static int take_arguments(struct arguments *a, int argc, char **argv)
{
	static const struct option options[] = { { "body", required_argument, NULL, 'b' },
		{ "header", required_argument, NULL, 'h' },
		{ "user", required_argument, NULL, 'u' },
		{ "request", required_argument, NULL, 'r' },
		{ "env-file", required_argument, NULL, 'e' },
		{ "socket", required_argument, NULL, 's' }, { "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 } };
	int o;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	while ((o = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (take_option(a, o, argv) != 0)
			return EXIT_USAGE;
	}
	if (a->request_file) {
		if (optind != argc || a->body_file || a->header_count > 0 || a->user)
			return cli_usage("explain", "--request holds the whole question");
		return 0;
	}
	if (argc - optind != 2)
		return cli_usage("explain", "METHOD and TARGET are wanted");
	a->method = argv[optind];
	a->target = argv[optind + 1];
	return 0;
}

/* The value of the first header of a name, which dockerd goes by; NULL when there is none. */
static const char *header_value(const struct arguments *a, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < a->header_count; i++) {
		if (strncasecmp(a->headers[i], name, n) == 0 && a->headers[i][n] == ':')
			return a->headers[i] + n + 1 + strspn(a->headers[i] + n + 1, " \t");
	}
	return NULL;
}

/* dockerd passes a body on when its media type is application/json, with well-formed parameters. */
static bool is_json(const char *type)
{
	size_t n = strlen("application/json");

	if (!type || strncasecmp(type, "application/json", n) != 0)
		return false;
	n += strspn(type + n, " \t");
	return type[n] == '\0' || (type[n] == ';' && strchr(type + n, '=') != NULL);
}

/* The question of METHOD and TARGET, as dockerd would put it. NULL and e: it cannot be made. */
static char *make_question(struct arguments *a, struct err *e)
{
	char length_header[LENGTH_HEADER];
	AUTO_MEM char *text = NULL;
	struct span body = { NULL, 0 };
	char *question;

	if (a->body_file &&
		file_read(a->body_file, (size_t)ENVELOPE_BODY_MOST, &text, &body.n, e) != 0)
		return NULL;
	body.s = text;
	(void)snprintf(length_header, sizeof(length_header), "Content-Length: %zu", body.n);
	if (a->body_file && !header_value(a, "Content-Type"))
		a->headers[a->header_count++] = "Content-Type: application/json";
	/* A chunked body has no length, and dockerd shows no Transfer-Encoding. */
	if (!header_value(a, "Content-Length") && !header_value(a, "Transfer-Encoding"))
		a->headers[a->header_count++] = length_header;
	question = envelope_question(span_of(a->method), span_of(a->target), span_of(a->user),
		a->headers, is_json(header_value(a, "Content-Type")) ? &body : NULL);
	a->headers[a->header_count] = NULL;
	if (!question)
		err_set(e, 0, "the request cannot be put as a question");
	return question;
}

/* What is shown of a request: everything as printable text. */
struct account {
	const struct policy *policy;
	const struct request *request;
	const struct facts *facts;
	const struct decision *decision;
	char message[MESSAGE_MOST];
};

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

/* A field of its own for whoever reads JSON, and the line for a person. */
static json_t *detail_json(const struct detail *d)
{
	char line[256];
	bool mount = d->kind == DETAIL_MOUNT;
	bool looked = mount && d->sight;

	detail_write(d, line, sizeof(line));
	return json_pack("{s:s?, s:s, s:s%, s:o, s:o?, s:o?, s:o?, s:o?, s:b, s:s}", "power",
		d->power == POWER_COUNT ? NULL : power_info(d->power)->name, "kind",
		detail_kind_name(d->kind), "field", d->field.s ? d->field.s : "", d->field.n,
		"text", escaped(d->text), "target", mount ? escaped(d->target) : NULL, "read_only",
		mount ? json_boolean(d->read_only) : NULL, "resolved",
		looked ? json_string(d->sight->path) : NULL, "seen",
		looked ? json_boolean(d->sight->seen) : NULL, "maybe_id", d->maybe_id, "line",
		line);
}

static json_t *details_json(const struct details *details)
{
	json_t *list = json_array();

	for (size_t i = 0; i < details->count; i++)
		(void)json_array_append_new(list, detail_json(&details->items[i]));
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

/* The account as a JSON object; both forms of output are made from it. */
static json_t *account_json(const struct account *a)
{
	const struct route *route = a->facts->route;
	const struct decision *d = a->decision;
	bool allow = d->verdict == VERDICT_ALLOW;

	return json_pack(
		"{s:b, s:s, s:s, s:s, s:s?, s:s, s:s, s:s?, s:s, s:s?, s:o, s:o, s:o, s:o, s:o, "
		"s:o, s:o, s:s, s:s?, s:o, s:s?}",
		"allow", allow, "verdict", allow ? "allow" : "deny", "reason", d->reason,
		"decided_by", decider_name(d->by), "flag",
		d->flag < FLAG_COUNT ? flag_at(d->flag)->name : NULL, "profile",
		profile_info(a->policy->profile)->name, "operation", operation_of(a->facts),
		"pattern", route ? route->pattern : NULL, "section", section_name(route), "access",
		route ? (route->write ? "write" : "read") : NULL, "powers",
		power_names(&a->facts->powers), "closed", power_names(&d->closed), "details",
		details_json(&a->facts->details), "method", escaped(a->request->method), "target",
		escaped(a->request->target), "path", escaped(a->facts->target.path), "name",
		escaped(a->facts->name), "reading", reading_name(a->facts->reading), "doubt",
		a->facts->reading == READING_EXACT ? NULL : a->facts->doubt.text, "user",
		escaped(a->request->user), "message", allow ? NULL : a->message);
}

static void print_list(const char *label, const json_t *list)
{
	size_t i;
	const json_t *v;

	(void)printf("%-11s%s", label, json_array_size(list) == 0 ? "none" : "");
	json_array_foreach (list, i, v)
		(void)printf("%s%s", i > 0 ? ", " : "", json_string_value(v));
	(void)printf("\n");
}

/* "  host_mounts       /etc -> /host (rw)" */
static void print_details(const json_t *list)
{
	size_t i;
	const json_t *v;

	json_array_foreach (list, i, v) {
		const char *power = json_string_value(json_object_get(v, "power"));

		(void)printf("  %-17s%s\n", power ? power : "-",
			json_string_value(json_object_get(v, "line")));
	}
}

static void print_line(const json_t *o, const char *label, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	if (text && text[0])
		(void)printf("%-11s%s\n", label, text);
}

static void print_text(const json_t *o)
{
	print_line(o, "method", "method");
	print_line(o, "target", "target");
	print_line(o, "user", "user");
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
	print_line(o, "verdict", "verdict");
	print_line(o, "reason", "reason");
	print_line(o, "decided by", "decided_by");
	print_line(o, "flag", "flag");
	print_line(o, "message", "message");
}

static int explain(
	const struct request *request, const struct policy *policy, bool json, struct err *e)
{
	struct account a = { .policy = policy, .request = request };
	json_auto_t *o = NULL;
	struct decision d;
	struct facts facts;
	struct lookup *lookup = NULL;
	struct span missing;
	int rc = facts_read(request, &facts, e);

	if (rc == 0)
		rc = lookup_collect(&facts, span_of(policy->socket_dir), 0, &lookup, e);
	if (rc == 0 && lookup && facts.reading == READING_EXACT) {
		lookup_run(lookup);
		if (!lookup_show(lookup, &facts, &missing))
			rc = FAIL(e, 0, "no memory");
	}
	if (rc == 0)
		rc = facts_judge_mounts(&facts, span_of(policy->socket_dir), e);
	if (rc == 0) {
		d = decide(policy, &facts);
		a.facts = &facts;
		a.decision = &d;
		message_write(policy, &facts, &d, a.message);
		o = account_json(&a);
		if (!o)
			rc = FAIL(e, 0, "no memory");
	}
	if (o && json) {
		(void)json_dumpf(o, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
		(void)printf("\n");
	} else if (o) {
		print_text(o);
	}
	if (rc == 0)
		rc = d.verdict == VERDICT_ALLOW ? EXIT_FINE : EXIT_FINDINGS;
	facts_free(&facts);
	lookup_release(lookup);
	return rc;
}

static int fail(int status, const char *text)
{
	(void)fprintf(stderr, "dsp explain: %s\n", text);
	return status;
}

int cli_explain(int argc, char **argv)
{
	struct arguments a = { .method = NULL };
	AUTO_MEM struct config *c = NULL;
	AUTO_MEM char *question = NULL;
	struct request request;
	size_t len = 0;
	struct err e;
	int rc = take_arguments(&a, argc, argv);

	if (rc != 0)
		return rc;
	if (config_read(a.env_file, a.socket, &c, &e) != 0)
		return fail(EXIT_BROKEN, e.text);
	if (!a.request_file) {
		question = make_question(&a, &e);
		len = question ? strlen(question) : 0;
	} else if (file_read(a.request_file, ENVELOPE_MOST, &question, &len, &e) != 0) {
		return fail(EXIT_USAGE, e.text);
	}
	if (!question)
		return fail(EXIT_USAGE, e.text);
	if (envelope_read(question, len, &request, &e) != 0)
		return fail(EXIT_FINDINGS, e.text);
	rc = explain(&request, &c->policy, a.json, &e);
	return rc < 0 ? fail(EXIT_FINDINGS, e.text) : rc;
}
