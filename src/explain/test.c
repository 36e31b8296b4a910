/* dsp test: requests, and the decision that each must get under a policy file. */
#include <jansson.h>
#include <stdio.h>

#include "dsp/config/command.h"
#include "dsp/config/output.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/mem_list.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/policy_reader.h"
#include "dsp/dockerd/installed_settings.h"
#include "dsp/explain/simulate.h"
#include "dsp/protocol/envelope.h"
#include "dsp/system/file.h"

enum { FILE_MOST = 8 << 20, SHOWN = 128 };

/* A file of tests while it is read and run. */
struct suite {
	const struct installed_settings *settings;
	const struct policy *policy; /* of these */
	struct policy_reader reader;
	struct findings findings;
	struct mem_list memory; /* strings for the questions */
	size_t passed;
	size_t failed;
	json_t *results;
};

static const char *const keys[] = { "name", "as", "user", "token", "method", "target", "headers",
	"body", "expect", "reason", "rule", "powers", "target_is", NULL };

/* --- reading --------------------------------------------------------------------------------*/

static const char *terminated(struct suite *s, const char *before, struct span text)
{
	size_t n = strlen(before);
	char *copy = mem_list_alloc(&s->memory, n + text.n + 1);

	if (!copy) {
		s->findings.lost = true;
		return "";
	}
	for (size_t i = 0; i < n; i++)
		copy[i] = before[i];
	if (text.n > 0)
		memcpy(copy + n, text.s, text.n);
	return copy;
}

/* Whether a test has this member, a string; reports another kind, and one that is needed. */
static bool has(struct suite *s, json_ref test, const char *key, bool needed)
{
	json_ref v = json_value_member(test, key);

	if (!v && needed)
		findings_error(&s->findings, test->at, "the test has no \"%s\"", key);
	return v && policy_reader_expect(&s->reader, v, JSON_VALUE_STRING, "a string");
}

static void check_powers(struct suite *s, json_ref list)
{
	if (!list || !policy_reader_expect(&s->reader, list, JSON_VALUE_LIST, "a list of powers"))
		return;
	for (json_ref v = json_value_first(list); v; v = json_value_next(list, v)) {
		struct nearest near = nearest_to(json_value_text(v), 0);
		char shown[SHOWN];
		char text[80];

		powers_suggest(&near);
		text_escape(json_value_text(v), shown, sizeof(shown));
		if (power_find(json_value_text(v)) == POWER_COUNT)
			findings_error(&s->findings, v->at, "no power \"%s\"%s", shown,
				policy_reader_near(&near, text, sizeof(text)));
	}
}

static void check_headers(struct suite *s, json_ref headers)
{
	if (!headers ||
		!policy_reader_expect(
			&s->reader, headers, JSON_VALUE_OBJECT, "an object of headers"))
		return;
	if (headers->count >= CLIENT_HEADERS_MOST)
		findings_error(&s->findings, headers->at, "more than %d headers",
			(int)CLIENT_HEADERS_MOST - 1);
	for (json_ref v = json_value_first(headers); v; v = json_value_next(headers, v)) {
		if (v->key.n == 0 || span_find(v->key, ':') < v->key.n)
			findings_error(&s->findings, policy_reader_key_at(&s->reader, v),
				"a header cannot have this name");
		(void)policy_reader_expect(&s->reader, v, JSON_VALUE_STRING, "a string");
	}
}

static void check_rule(struct suite *s, json_ref v)
{
	const struct rules *rules = s->policy->file_rules;
	struct nearest near = nearest_to(json_value_text(v), 0);
	char text[80];

	if (!v || v->kind == JSON_VALUE_NULL ||
		!policy_reader_expect(&s->reader, v, JSON_VALUE_STRING, "a string"))
		return;
	for (size_t i = 0; rules && i < rules->count; i++) {
		if (span_equal(rules->items[i].name, v->text))
			return;
		nearest_try(&near, rules->items[i].name);
	}
	findings_error(&s->findings, v->at, "the policy file has no rule of this name%s",
		policy_reader_near(&near, text, sizeof(text)));
}

static void check_subject(struct suite *s, json_ref v)
{
	if (v && policy_reader_expect(&s->reader, v, JSON_VALUE_STRING, "a string") &&
		rules_find_subject(s->policy->file_rules, v->text) == SIZE_MAX)
		findings_error(&s->findings, v->at, "the policy file has no user of this name");
}

/* What the things are that the request names; NULL: it does not say, or has a mistake. */
static struct target_objects *parse_objects(struct suite *s, json_ref test)
{
	json_ref v = json_value_member(test, "target_is");
	struct target_objects *ret = NULL;
	struct err e;

	if (!v || target_objects_parse(json_value_source(v, s->findings.text.s), &ret, &e) == 0)
		return v ? ret : NULL;
	findings_error(&s->findings, v->at, "%s", e.text);
	return NULL;
}

static void check_test(struct suite *s, json_ref test)
{
	json_ref expect = json_value_member(test, "expect");

	if (!policy_reader_expect(&s->reader, test, JSON_VALUE_OBJECT, "an object: a test"))
		return;
	policy_reader_check_keys(&s->reader, test, keys);
	(void)has(s, test, "name", true);
	(void)has(s, test, "method", true);
	(void)has(s, test, "target", true);
	(void)has(s, test, "user", false);
	(void)has(s, test, "token", false);
	(void)has(s, test, "reason", false);
	check_subject(s, json_value_member(test, "as"));
	check_headers(s, json_value_member(test, "headers"));
	check_rule(s, json_value_member(test, "rule"));
	check_powers(s, json_value_member(test, "powers"));
	target_objects_free(parse_objects(s, test));
	if (!has(s, test, "expect", true))
		return;
	if (!span_equal(expect->text, SPAN("allow")) && !span_equal(expect->text, SPAN("deny")) &&
		!span_equal(expect->text, SPAN("ask")))
		findings_error(&s->findings, expect->at, "write \"allow\", \"deny\" or \"ask\"");
}

/* --- running --------------------------------------------------------------------------------*/

static char *make_question(struct suite *s, json_ref test, struct err *e)
{
	const char *headers[CLIENT_HEADERS_MOST + 1] = { NULL };
	json_ref list = json_value_member(test, "headers");
	json_ref token = json_value_member(test, "token");
	json_ref user = json_value_member(test, "user");
	json_ref body = json_value_member(test, "body");
	struct client_request a = { .headers = headers, .has_body = body != NULL };
	size_t n = 0;

	a.method = terminated(s, "", json_value_text(json_value_member(test, "method")));
	a.target = terminated(s, "", json_value_text(json_value_member(test, "target")));
	if (user)
		a.user = terminated(s, "", user->text);
	for (json_ref v = json_value_first(list); v; v = json_value_next(list, v)) {
		const char *name = terminated(s, "", v->key);

		headers[n++] = terminated(s, terminated(s, name, SPAN(": ")), v->text);
	}
	if (token)
		headers[n++] = terminated(s, "X-Dsp-Token: ", token->text);
	if (body)
		a.body = body->kind == JSON_VALUE_STRING
			? body->text
			: json_value_source(body, s->findings.text.s);
	return simulate_question(&a, e);
}

static bool same_powers(json_ref list, const struct powerset *set)
{
	struct powerset wanted = { { 0 } };

	for (json_ref v = json_value_first(list); v; v = json_value_next(list, v)) {
		enum power p = power_find(v->text);

		if (p != POWER_COUNT)
			powerset_add(&wanted, p);
	}
	return powerset_within(&wanted, set) && powerset_within(set, &wanted);
}

static void compare_verdict(
	json_ref test, const struct simulation *j, const char *rule, struct line *l)
{
	enum verdict v = j->decision.monitored ? VERDICT_DENY : j->decision.verdict;

	if (span_equal(
		    json_value_text(json_value_member(test, "expect")), span_of(verdict_name(v))))
		return;
	if (v == VERDICT_ALLOW)
		line_add(l, "; rule %s allows it", rule);
	else if (v == VERDICT_ASK)
		line_add(l, "; rule %s asks root", rule);
	else
		line_add(l, "; dsp denies it: %s", j->message);
}

/* Writes what differs from the test; nothing: it passed. */
static void compare(json_ref test, const struct simulation *j, struct line *l)
{
	const struct decision *d = &j->decision;
	json_ref reason = json_value_member(test, "reason");
	json_ref rule = json_value_member(test, "rule");
	json_ref powers = json_value_member(test, "powers");
	struct span decided = d->rule ? d->rule->name : (struct span){ NULL, 0 };
	char name[SHOWN];

	text_escape(decided, name, sizeof(name));
	compare_verdict(test, j, d->rule ? name : "none", l);
	if (reason && !span_equal(reason->text, span_of(d->reason)))
		line_add(l, "; the reason is \"%s\"", d->reason);
	if (rule && !span_equal(json_value_text(rule), decided))
		line_add(l, "; the rule is %s", d->rule ? name : "none");
	if (powers && !same_powers(powers, &j->facts.powers)) {
		line_add(l, "; the powers are ");
		if (powers_write(&j->facts.powers, ", ", l) == 0)
			line_add(l, "none");
	}
}

static void run_test(struct suite *s, json_ref test)
{
	json_ref as = json_value_member(test, "as");
	const char *subject = as ? terminated(s, "", as->text) : NULL;
	AUTO_MEM struct simulation *j = mem_array(1, sizeof(*j));
	char name[SHOWN];
	char why[700];
	struct err e;
	struct line l;
	AUTO_MEM char *question = NULL;
	struct target_objects *objects = parse_objects(s, test);

	question = make_question(s, test, &e);
	line_init(&l, why, sizeof(why));
	text_escape(json_value_text(json_value_member(test, "name")), name, sizeof(name));
	if (question && j) {
		if (simulate(s->policy,
			    &(struct simulated_question){
				    question, strlen(question), subject, objects },
			    j, &e) == 0)
			compare(test, j, &l);
		else
			line_add(&l, "; %s", e.text);
		simulation_free(j);
	} else {
		line_add(&l, "; %s", j ? e.text : "no memory");
	}
	target_objects_free(objects);
	s->passed += l.n == 0;
	s->failed += l.n > 0;
	(void)json_array_append_new(s->results,
		json_pack("{s:s, s:b, s:s?}", "name", name, "passed", l.n == 0, "why",
			l.n > 0 ? why + strlen("; ") : NULL));
}

/* Prints what failed first. */
static void print_results(const struct suite *s, bool passed)
{
	const json_t *v;
	size_t i;

	json_array_foreach (s->results, i, v) {
		const char *name = json_string_value(json_object_get(v, "name"));
		const char *why = json_string_value(json_object_get(v, "why"));
		char text[900];

		if (json_is_true(json_object_get(v, "passed")) != passed)
			continue;
		(void)snprintf(text, sizeof(text), "%s%s%s", name, why ? ": " : "", why ? why : "");
		output_shaded(
			passed ? OUTPUT_GOOD : OUTPUT_BAD, passed ? SPAN("ok ") : SPAN("not ok "));
		output_wrapped(passed ? strlen("ok ") : strlen("not ok "), text);
	}
}

static void print_suite(const struct suite *s, bool json)
{
	if (json) {
		json_auto_t *o = json_pack("{s:o, s:I, s:I, s:O}", "settings",
			installed_settings_json(s->settings), "passed", (json_int_t)s->passed,
			"failed", (json_int_t)s->failed, "tests", s->results);

		output_json(o);
		return;
	}
	installed_settings_print(s->settings);
	print_results(s, false);
	print_results(s, true);
	(void)printf("%zu passed, %zu failed\n", s->passed, s->failed);
}

/* Reads all tests before it runs any. False: there are findings. */
static bool read_and_run(struct suite *s, char *copy)
{
	AUTO_MEM struct json_value *top = NULL;
	struct err why;
	size_t where;

	s->reader.findings = &s->findings;
	s->reader.text = copy;
	if (json_value_parse(copy, s->findings.text.n, &top, &where, &why) != 0) {
		s->findings.lost = why.code != 0;
		findings_error(&s->findings, where, "the file %s here", why.text);
		return false;
	}
	if (policy_reader_expect(&s->reader, top, JSON_VALUE_LIST, "a list of tests") &&
		top->count == 0)
		findings_error(&s->findings, top->at, "there are no tests");
	for (json_ref v = json_value_first(top); v && top->kind == JSON_VALUE_LIST;
		v = json_value_next(top, v))
		check_test(s, v);
	if (findings_fatal(&s->findings))
		return false;
	for (json_ref v = json_value_first(top); v; v = json_value_next(top, v))
		run_test(s, v);
	return !s->findings.lost;
}

static void print_findings(struct findings *all)
{
	findings_sort(all);
	for (size_t i = 0; i < all->count; i++)
		(void)fprintf(stderr, "%s:%zu:%zu: %s\n", all->file, all->items[i].line,
			all->items[i].column, all->items[i].text);
	if (all->lost)
		(void)fprintf(stderr, "dsp test: out of memory\n");
}

static int test(const struct installed_settings *settings, const char *path, bool json)
{
	json_auto_t *results = json_array();
	struct suite s = { .settings = settings,
		.policy = &settings->config->policy,
		.findings = { .file = path },
		.results = results };
	AUTO_MEM char *text = NULL;
	AUTO_MEM char *copy = NULL;
	struct err e;
	int rc = EXIT_USAGE;

	if (file_read(path, (size_t)FILE_MOST, &text, &s.findings.text.n, &e) != 0) {
		(void)fprintf(stderr, "dsp test: %s\n", e.text);
		return EXIT_USAGE;
	}
	s.findings.text.s = text;
	copy = mem_copy(text, s.findings.text.n);
	s.findings.lost = !copy;
	if (copy && read_and_run(&s, copy)) {
		print_suite(&s, json);
		rc = s.failed > 0 ? EXIT_FINDINGS : EXIT_FINE;
	}
	print_findings(&s.findings);
	findings_free(&s.findings);
	mem_list_free(&s.memory);
	return rc;
}

static const struct option options[] = { SETTINGS_OPTIONS, { "json", no_argument, NULL, 'j' },
	{ NULL, 0, NULL, 0 } };

static int run_tests_of_file(int argc, char **argv)
{
	struct settings_choice choice = { .no_config = false };
	AUTO_SETTINGS struct installed_settings *s = NULL;
	bool json = false;
	int o;

	while ((o = command_option(&test_command, argc, argv)) != -1) {
		if (o == 'j')
			json = true;
		else if (!settings_choice_parse(&choice, o, optarg))
			return EXIT_USAGE;
	}
	if (argc - optind != 1)
		return command_usage("test", "write the name of one FILE of tests");
	o = installed_settings_open("test", &choice, &s);
	return o != 0 ? o : test(s, argv[optind], json);
}

const struct command test_command = {
	.name = "test",
	.arguments =
		"FILE [--json] [--policy FILE] [--socket PATH] [--env-file FILE] [--no-config]",
	.run = run_tests_of_file,
	.options = options,
	.summary = "run the tests of a policy file: requests, each with the decision it must get",
	.help = "  --json           print JSON\n"
		"  --policy FILE    this policy file in place of the installed one\n"
		"  --socket PATH    the socket of the dspd to ask; its file name is the name of the plugin\n"
		"  --env-file FILE  this env file in place of the installed one\n"
		"  --no-config      this shell's environment in place of the installed dsp's settings\n"
		"  --managed        decide as the managed plugin, which cannot see mount sources\n"
		"\n"
		"FILE is a JSON list of objects. Each has name, method, target and expect (\"allow\" or\n"
		"\"deny\"). It may have as (a user of the policy file, or anonymous), user (the name in a\n"
		"certificate), token, headers (an object), body (JSON, or a string for any bytes), and\n"
		"what the decision must be besides: reason, rule (null: none), powers; and target_is, which\n"
		"says what the containers, networks and volumes are, as dsp explain --target does. A\n"
		"request that only monitor mode allows is a \"deny\".\n"
		"Status 0: all passed; 1: some failed; 2: FILE is wrong, or this user cannot\n"
		"read the installed settings; 78: they are broken.\n",
};
