/* dsp suggest: makes the smallest flags or policy file that allow what an audit log recorded. */
#include <errno.h>
#include <stdio.h>

#include "dsp/audit/audit_log.h"
#include "dsp/config/command.h"
#include "dsp/config/output.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/learn/observations.h"
#include "dsp/learn/suggest_command.h"
#include "dsp/system/file.h"
#include "learn_require.h"

enum { FILE_MOST = 8 << 20, SHOWN_MOST = 20 };

/* --- options -----------------------------------------------------------------------------------*/

static bool parse_accepted(struct suggest_options *o, const char *list)
{
	struct span rest = span_of(list);

	while (rest.n > 0) {
		enum power p = power_find(span_cut(&rest, ','));

		if (p == POWER_COUNT)
			return false;
		powerset_add(&o->wanted.accepted, p);
	}
	return true;
}

const char *suggest_parse_option(struct suggest_options *o, int option, const char *value)
{
	switch (option) {
	case SUGGEST_FLAGS:
	case SUGGEST_POLICY:
		if (o->form_given && o->policy != (option == SUGGEST_POLICY))
			return "use --flags or --policy, not both";
		o->form_given = true;
		o->policy = option == SUGGEST_POLICY;
		return NULL;
	case SUGGEST_PROFILE:
		o->profile_given = profile_find(span_of(value), &o->wanted.profile);
		return o->profile_given ? NULL : "no such profile";
	case SUGGEST_ACCEPT:
		return parse_accepted(o, value) ? NULL : "no such power";
	case SUGGEST_DENIED:
		o->include_denied = true;
		return NULL;
	case SUGGEST_EXACT:
		o->wanted.exact = true;
		return NULL;
	case SUGGEST_USER:
		o->user = value;
		return NULL;
	case SUGGEST_USERS:
		o->users = value;
		return NULL;
	case SUGGEST_CONTAINERS:
		o->wanted.containers = value;
		return strcmp(value, "label") == 0
			? "the audit log has no labels: write label:KEY=VALUE"
			: NULL;
	case SUGGEST_REQUIRE:
		o->wanted.require = true;
		return NULL;
	case SUGGEST_TESTS:
		o->tests = value;
		return NULL;
	case SUGGEST_JSON:
		o->json = true;
		return NULL;
	case SUGGEST_OUTPUT:
		o->output = value;
		return NULL;
	default:
		return "unknown";
	}
}

struct observations *suggest_begin(struct suggest_options *o, struct err *e)
{
	struct observations *all = observations_new();
	AUTO_MEM char *text = NULL;
	size_t n;

	if (!all) {
		err_set(e, ENOMEM, "an audit log");
		return NULL;
	}
	all->include_denied = o->include_denied;
	if (!o->users)
		return all;
	if (file_read(o->users, FILE_MOST, &text, &n, e) == 0) {
		o->users_file = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
		o->wanted.users = json_object_get(o->users_file, "users");
		if (json_is_object(o->users_file))
			return all;
		err_set(e, 0, "%s: not a policy file", o->users);
	}
	observations_free(all);
	return NULL;
}

/* --- notes -------------------------------------------------------------------------------------*/

static void note_unallowable(struct observations *all)
{
	size_t count = 0;

	for (size_t i = 0; i < all->count; i++) {
		char text[400];

		if (!all->items[i]->unallowable || count++ >= SHOWN_MOST)
			continue;
		observation_write(all->items[i], text, sizeof(text));
		observations_note(
			all, "cannot be allowed: %s: %s", text, all->items[i]->unallowable);
	}
	if (count > SHOWN_MOST)
		observations_note(
			all, "cannot be allowed: %zu more kinds of requests", count - SHOWN_MOST);
}

/* "1 request", "7 requests". */
static void note_count(struct observations *all, uint64_t n, const char *one, const char *many)
{
	if (n > 0)
		observations_note(all, "%llu %s", (unsigned long long)n, n == 1 ? one : many);
}

/* Notes what the audit log does not have, and what the suggestion does with the rest. */
static void note_log(struct observations *all)
{
	if (all->include_denied)
		note_count(all, all->denied, "request was denied: the suggestion allows it",
			"requests were denied: the suggestion allows them");
	else
		note_count(all, all->denied,
			"request was denied: left out; --include-denied allows it",
			"requests were denied: left out; --include-denied allows them");
	note_count(all, all->monitored,
		"request was allowed only because of monitor mode: the suggestion allows it",
		"requests were allowed only because of monitor mode: the suggestion allows them");
	note_count(all, all->dropped, "line is missing in the log: the suggestion may deny it",
		"lines are missing in the log: the suggestion may deny their requests");
	note_count(all, all->orphan_repeats, "repeat is of a line that the log does not have",
		"repeats are of lines that the log does not have");
	note_count(all, all->truncated_lines, "line is truncated: left out",
		"lines are truncated: left out");
	note_count(all, all->cut, "line is too long to hold all of its request",
		"lines are too long to hold all of their requests");
	if (all->mixed_profiles)
		observations_note(all, "the log has lines of several profiles");
}

/* --- the result --------------------------------------------------------------------------------*/

struct result {
	json_t *made; /* a list of flags, or a policy file */
	json_t *tests;
	struct powerset refused;
};

/* Makes tests of a suggestion, and writes them to their file. */
static int write_tests(
	struct observations *all, const struct suggest_options *o, struct result *r, struct err *e)
{
	json_auto_t *flags = json_object();
	json_auto_t *policy = json_pack(
		"{s:s, s:O}", "profile", profile_info(o->wanted.profile)->name, "flags", flags);
	const json_t *flag;
	size_t i;

	json_array_foreach (r->made, i, flag) {
		(void)json_object_set_new(
			flags, json_string_value(json_object_get(flag, "name")), json_true());
	}
	if (learn_tests(all, &o->wanted, o->policy ? r->made : policy, &r->tests, e) != 0)
		return -1;
	if (json_dump_file(r->tests, o->tests, JSON_INDENT(2) | JSON_ENSURE_ASCII) != 0)
		return FAIL(e, errno, "%s", o->tests);
	return 0;
}

static int make_result(
	struct observations *all, struct suggest_options *o, struct result *r, struct err *e)
{
	int rc;

	if (all->requests == 0)
		return FAIL(e, 0,
			"the audit log has no decision%s%s; set DSP_AUDIT_LOG=all, dsp reload",
			o->user ? " for " : "", o->user ? o->user : "");
	if (all->count == 0)
		return FAIL(e, 0, "every request was denied: --include-denied allows them");
	if (o->wanted.containers && !o->policy)
		return FAIL(e, 0, "--containers is for --policy: no flag speaks of containers");
	if (!o->profile_given && !profile_find(span_of(all->profile), &o->wanted.profile))
		return FAIL(e, 0,
			"this dsp does not know the profile of the log: name one with --profile");
	rc = o->policy ? learn_policy(all, &o->wanted, &r->made, &r->refused, e)
		       : learn_flags(all, &o->wanted, &r->made, &r->refused, e);
	if (rc == 0 && o->tests && powerset_empty(&r->refused))
		rc = write_tests(all, o, r, e);
	return rc;
}

/* Prints the flags that were found, on standard error, so that no script takes them unread. */
static void print_found_flags(const json_t *flags)
{
	const json_t *flag;
	size_t i;

	(void)fprintf(stderr, "The flags that allow all of it, with these ways to root:\n");
	json_array_foreach (flags, i, flag) {
		(void)fprintf(stderr, "  %s=1\t# without it denied: %s\n",
			json_string_value(json_object_get(flag, "name")),
			json_string_value(json_object_get(flag, "for")));
	}
}

/* Prints each direct way to root with the first request that needs it, and how to accept all. */
static void print_refused(const struct observations *all, const struct result *r, bool policy)
{
	char text[1024];
	struct line l;

	(void)fprintf(
		stderr, "dsp suggest: refused: this opens direct ways to root on the host:\n");
	for (size_t p = 0; p < POWER_COUNT; p++) {
		size_t i = 0;

		if (!powerset_has(&r->refused, (enum power)p))
			continue;
		while (i < all->count &&
			(all->items[i]->unallowable ||
				!powerset_has(&all->items[i]->facts.powers, (enum power)p)))
			i++;
		text_copy(policy ? SPAN("a mount that was not seen")
				 : SPAN("not used, but the flags open it too"),
			text, sizeof(text));
		if (i < all->count)
			observation_write(all->items[i], text, sizeof(text));
		(void)fprintf(stderr, "  %s: %s\n", power_info((enum power)p)->name, text);
	}
	if (!policy)
		print_found_flags(r->made);
	line_init(&l, text, sizeof(text));
	(void)powers_write(&r->refused, ",", &l);
	(void)fprintf(stderr, "To accept that: --accept %s\n", text);
	if (!policy)
		(void)fprintf(stderr, "To open less: --policy writes rules\n");
}

/* Prints an env file. */
static void print_flags(
	const struct observations *all, const struct suggest_options *o, const json_t *flags)
{
	json_auto_t *require = o->wanted.require ? learn_require(all, SIZE_MAX) : NULL;
	const json_t *flag;
	char text[256];
	size_t i;

	(void)printf("# dsp suggest: %llu request%s, %s to %s\nDSP_PROFILE=%s\n",
		(unsigned long long)all->requests, all->requests == 1 ? "" : "s", all->first,
		all->last, profile_info(o->wanted.profile)->name);
	json_array_foreach (flags, i, flag) {
		(void)printf("# without it denied: %s\n%s=1\n",
			json_string_value(json_object_get(flag, "for")),
			json_string_value(json_object_get(flag, "name")));
	}
	learn_require_write(require, text, sizeof(text));
	if (text[0] != '\0')
		(void)printf("# each request had this\nDSP_REQUIRE=%s\n", text);
}

static void print_result(
	struct observations *all, const struct suggest_options *o, const struct result *r)
{
	const json_t *note;
	size_t i;

	note_unallowable(all);
	note_log(all);
	if (o->json) {
		json_auto_t *require = o->wanted.require && !o->policy
			? learn_require(all, SIZE_MAX)
			: NULL;
		json_auto_t *top = json_pack("{s:s, s:I, s:s, s:s, s:O, s:O?, s:O?, s:O*}",
			"profile", profile_info(o->wanted.profile)->name, "requests",
			(json_int_t)all->requests, "from", all->first, "to", all->last,
			o->policy ? "policy" : "flags", r->made, "notes", all->notes, "tests",
			r->tests, "require", require);

		output_json(top);
		return;
	}
	if (o->policy)
		output_json_file(r->made);
	else
		print_flags(all, o, r->made);
	json_array_foreach (all->notes, i, note) {
		(void)fprintf(stderr, "dsp suggest: %s\n", json_string_value(note));
	}
}

int suggest_end(struct suggest_options *o, struct observations *all)
{
	struct result r = { .made = NULL };
	struct err e;
	int status = EXIT_FINDINGS;

	if (make_result(all, o, &r, &e) != 0) {
		(void)fprintf(stderr, "dsp suggest: %s\n", e.text);
	} else if (!powerset_empty(&r.refused)) {
		print_refused(all, &r, o->policy);
	} else if (o->output && !freopen(o->output, "we", stdout)) {
		err_set(&e, errno, "%s", o->output);
		(void)fprintf(stderr, "dsp suggest: %s\n", e.text);
	} else {
		status = EXIT_FINE;
		print_result(all, o, &r);
	}
	json_decref(r.made);
	json_decref(r.tests);
	return status;
}

/* --- the command -------------------------------------------------------------------------------*/

struct suggestion {
	struct observations *all;
	const struct suggest_options *options;
};

/* Adds a line of an audit log; an audit_log_use. */
static int add_entry(void *context, struct audit_entry *l, struct err *e)
{
	const struct suggestion *s = context;
	int rc = observations_add(s->all, l, s->options->user, e);

	json_decref(l->object);
	return rc;
}

static const struct option options[] = { SUGGEST_OPTIONS,
	{ "since", required_argument, NULL, SUGGEST_SINCE },
	{ "until", required_argument, NULL, SUGGEST_UNTIL }, { NULL, 0, NULL, 0 } };

static int parse_suggest(int argc, char **argv, struct suggest_options *o, struct audit_logs *logs)
{
	int option;

	while ((option = command_option(&suggest_command, argc, argv)) != -1) {
		bool since = option == SUGGEST_SINCE;
		const char *wrong = NULL;

		if (option == '?')
			return EXIT_USAGE;
		if (!since && option != SUGGEST_UNTIL)
			wrong = suggest_parse_option(o, option, optarg);
		else if (!audit_moment_parse(optarg, since ? logs->since : logs->until))
			return command_usage("suggest", AUDIT_MOMENT_WRONG, optarg);
		if (wrong)
			return command_usage("suggest", "%s: %s", argv[optind - 1], wrong);
	}
	logs->paths = argv + optind;
	logs->count = (size_t)(argc - optind);
	return EXIT_FINE;
}

static int run_suggest(int argc, char **argv)
{
	struct suggest_options o = { .policy = false };
	struct audit_logs logs = { .count = 0 };
	struct suggestion s = { .options = &o };
	struct err e;
	int rc = parse_suggest(argc, argv, &o, &logs);

	if (rc != EXIT_FINE)
		return rc;
	s.all = suggest_begin(&o, &e);
	rc = s.all ? audit_logs_read(&logs, add_entry, &s, &s.all->truncated_lines, &e) : -1;
	if (rc != 0)
		(void)fprintf(stderr, "dsp suggest: %s\n", e.text);
	rc = rc == 0 ? suggest_end(&o, s.all) : EXIT_FINDINGS;
	json_decref(o.users_file);
	observations_free(s.all);
	return rc;
}

const struct command suggest_command = {
	.name = "suggest",
	.arguments =
		"[-o FILE] [--since TIME] [--until TIME] [--flags|--policy] [--profile PROFILE] [--user USER] [--users FILE] [--accept POWER,...] [--include-denied] [--exact] [--containers WORD] [--require] [--tests FILE] [--json] [LOG|-]...",
	.run = run_suggest,
	.options = options,
	.summary = "write the smallest flags or policy file that allow what an audit log recorded",
	.help = "  --flags            write an env file with the fewest flags (the default)\n"
		"  --policy           write a policy file with rules for each user\n"
		"  -o, --output FILE  write to FILE, not to standard output\n"
		"  --since TIME       only requests from then on: yesterday, today, 2h (hours ago; m, d),\n"
		"                     2026-11-25, or 2026-11-25T10:00 (UTC)\n"
		"  --until TIME       only requests before then\n"
		"  --profile PROFILE  the profile to write for (default: that of the audit log)\n"
		"  --user USER        only requests of this user, as the audit log names it\n"
		"  --users FILE       take the users from this policy file: the audit log does not have their\n"
		"                     certificates and tokens\n"
		"  --accept POWER,...  allow these powers although each is a direct way to root\n"
		"  --include-denied   allow denied requests too\n"
		"  --exact            do not widen lists of images and mounts\n"
		"  --containers WORD  give rules a list of containers: name (of those in the log), own, or\n"
		"                     another word, as label:team=red\n"
		"  --require          require what each request of the log had: limits (rounded up to the next\n"
		"                     power of two), a user that is not root, no new privileges, ...\n"
		"  --tests FILE       write tests of the suggestion to FILE, for dsp test\n"
		"  --json             print JSON\n"
		"\n"
		"LOG are files of an audit log, oldest first; - is standard input. Without LOG: the audit\n"
		"log of this host, in the journal or where the running dspd writes it. The log must have\n"
		"reads: DSP_AUDIT_LOG=all, best with DSP_MODE=monitor.\n"
		"\n"
		"dsp tries the result before it writes it: the result allows every request of the log, and\n"
		"each part of it is needed. Notes go to standard error. The log has no bodies, so dsp goes\n"
		"by the powers and details of its lines.\n"
		"Status 0: written; 1: refused or not possible, with the reason.\n",
};
