/* dsp pending, dsp approve and dsp refuse: the requests that wait for root. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "dsp/config/command.h"
#include "dsp/config/output.h"
#include "dsp/core/base/duration.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/settings.h"
#include "dsp/dockerd/pending_requests.h"

struct arguments {
	const char *socket;
	struct pending_answer answer;
	bool json;
};

static const struct option options[] = { { "socket", required_argument, NULL, 's' },
	{ "json", no_argument, NULL, 'j' }, { NULL, 0, NULL, 0 } };

static const struct option approve_options[] = { { "for", required_argument, NULL, 'f' },
	{ "yes-root", no_argument, NULL, 'y' }, { "socket", required_argument, NULL, 's' },
	{ "json", no_argument, NULL, 'j' }, { NULL, 0, NULL, 0 } };

static const struct option refuse_options[] = { { "reason", required_argument, NULL, 'r' },
	{ "socket", required_argument, NULL, 's' }, { "json", no_argument, NULL, 'j' },
	{ NULL, 0, NULL, 0 } };

static int parse_arguments(
	const struct command *c, struct arguments *a, int argc, char **argv, int words)
{
	int o;

	while ((o = command_option(c, argc, argv)) != -1) {
		if (o == 's')
			a->socket = optarg;
		else if (o == 'r')
			a->answer.reason = optarg;
		else if (o == 'y')
			a->answer.yes_root = true;
		else if (o == 'f' && duration_parse(span_of(optarg), &a->answer.seconds))
			continue;
		else if (o == 'f')
			return command_usage(c->name, "--for: write a time as 15m or 8h");
		else if (o == 'j')
			a->json = true;
		else
			return EXIT_USAGE;
	}
	if (argc - optind != words)
		return words == 0 ? command_usage(c->name, "%s: not expected", argv[optind])
				  : command_usage(c->name, "write one ID, as dsp pending has it");
	a->socket = command_running_socket(a->socket);
	return 0;
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

/* --- the list ----------------------------------------------------------------------------------*/

static const char *seconds_of(const json_t *o, const char *key, char out[DURATION_ROOM])
{
	return duration_write_long((uint64_t)json_integer_value(json_object_get(o, key)), out);
}

static void print_row(void *ctx, const char *label, const char *text)
{
	(void)ctx;
	(void)printf("  %-10s %s\n", label, text);
}

static void print_list(const json_t *pending)
{
	const json_t *r;
	char age[DURATION_ROOM];
	char left[DURATION_ROOM];
	size_t at;

	if (json_array_size(pending) == 0)
		(void)printf("no request waits\n");
	json_array_foreach (pending, at, r) {
		(void)printf("%s%s  %s ago, %s left\n", at > 0 ? "\n" : "", text_of(r, "id"),
			seconds_of(r, "age_s", age), seconds_of(r, "left_s", left));
		if (!pending_show(r, print_row, NULL))
			(void)printf("  Not all of it can be shown.\n");
	}
}

static int run_pending(int argc, char **argv)
{
	struct arguments a = { .socket = NULL };
	json_auto_t *o = NULL;
	struct err e;
	int rc = parse_arguments(&pending_command, &a, argc, argv, 0);

	if (rc != 0)
		return rc;
	o = pending_list(a.socket, &e);
	if (!o)
		return command_failed("pending", a.json, &e);
	if (a.json)
		output_json(o);
	else
		print_list(json_object_get(o, "pending"));
	return EXIT_FINE;
}

/* --- answers -----------------------------------------------------------------------------------*/

/* What the answer led to, in words; and whether that is what was asked for. */
static const struct {
	const char *result;
	const char *text;
	bool approved, refused;
} results[] = {
	{ "approved", "approved: dockerd executes it", true, false },
	{ "allowed", "the policy allows it now, whatever the answer", true, false },
	{ "refused", "refused", false, true },
	{ "denied", "the policy denies it now, whatever the answer", false, true },
	{ "changed", "not approved: what it asks for changed since it was listed", false, false },
	{ "unanswered", "too late: its time was over", false, true },
	{ "stopped", "too late: dspd stops", false, true },
	{ "gone", "too late: dockerd hung up", false, true },
};

static int print_result(const struct arguments *a, const json_t *o, bool approve)
{
	const char *result = text_of(o, "result");
	const char *message = text_of(o, "message");
	const char *text = result;
	char duration[DURATION_ROOM];
	bool fine = false;

	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		if (strcmp(results[i].result, result) != 0)
			continue;
		text = results[i].text;
		fine = approve ? results[i].approved : results[i].refused;
	}
	if (a->json) {
		output_json(o);
	} else {
		/* The grant may be what allows it. */
		if (text_of(o, "grant")[0] && strcmp(result, "allowed") == 0)
			text = results[0].text;
		(void)printf("%s %s\n", text_of(o, "id"), text);
		if (text_of(o, "grant")[0])
			(void)printf("  grant %s allows the same for %s\n", text_of(o, "grant"),
				duration_write_long(a->answer.seconds, duration));
		if (strcmp(result, "denied") == 0 && message[0])
			(void)printf("  %s\n", message);
		if (strcmp(result, "changed") == 0)
			(void)printf("  look at it again: dsp pending; it is %s now\n",
				text_of(o, "now"));
	}
	return fine ? EXIT_FINE : EXIT_FINDINGS;
}

static int answer(const struct command *c, bool approve, int argc, char **argv)
{
	struct arguments a = { .answer = { .approve = approve, .reason = "" } };
	json_auto_t *o = NULL;
	struct err e;
	int rc = parse_arguments(c, &a, argc, argv, 1);

	if (rc != 0)
		return rc;
	o = pending_answer(a.socket, argv[optind], &a.answer, &e);
	return o ? print_result(&a, o, approve) : command_failed(c->name, a.json, &e);
}

static int run_approve(int argc, char **argv)
{
	return answer(&approve_command, true, argc, argv);
}

static int run_refuse(int argc, char **argv)
{
	return answer(&refuse_command, false, argc, argv);
}

#define SHARED_HELP_LINES                                                                          \
	"  --socket PATH  the socket of dspd (DSP_SOCKET; default " SETTINGS_SOCKET ")\n"          \
	"  --json         print JSON\n"                                                            \
	"\n"

const struct command pending_command = {
	.name = "pending",
	.arguments = "[--socket PATH] [--json]",
	.run = run_pending,
	.options = options,
	.summary = "list the requests that wait for an answer, by rules with ask",
	.help = SHARED_HELP_LINES
	"For root. An id stands for a request with what it asks for now: if that changes, the\n"
	"request gets another id.\n",
};

const struct command approve_command = {
	.name = "approve",
	.arguments = "ID [--for TIME] [--yes-root] [--socket PATH] [--json]",
	.run = run_approve,
	.options = approve_options,
	.summary = "approve a request that waits, so that dockerd executes it",
	.help = "  --for TIME     also allow the same for a while, such as 15m: a grant of exactly this\n"
		"                 operation, powers, things, command and user, and what the rule requires;\n"
		"                 refused where no grant says that exactly\n"
		"  --yes-root     though that is a direct way to root\n" SHARED_HELP_LINES
		"For root. dspd judges the request again before it allows it: by the settings in force,\n"
		"with the mounts and containers as they are now. If what the request asks for changed\n"
		"since it was listed, the approval does not count, and the request waits with another id.\n"
		"\n"
		"Status 0: dockerd executes the request; 1: it does not, or there is no such request.\n",
};

const struct command refuse_command = {
	.name = "refuse",
	.arguments = "ID [--reason TEXT] [--socket PATH] [--json]",
	.run = run_refuse,
	.options = refuse_options,
	.summary = "refuse a request that waits",
	.help = "  --reason TEXT  what the client reads\n" SHARED_HELP_LINES "For root.\n",
};
