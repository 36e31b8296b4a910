/* dsp watch: what dsp decides, as it decides it. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit_filter.h"
#include "dsp/config/command.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/settings.h"
#include "dsp/learn/suggest_command.h"
#include "dsp/protocol/protocol.h"
#include "dsp/system/clock.h"
#include "watch_approve.h"
#include "watch_client.h"
#include "watch_view.h"

enum {
	FLOOD_MS = 10, /* from a poll with many lines to the next one */
	BUSY_MS = 100, /* from one with few lines */
	IDLE_MS = 250, /* from one with none */
	AWAY_MS = 500, /* from one without an answer */
	STATUS_MS = 2000,
	SECONDS_MOST = 365 * 86400,
};

enum watch_option {
	OPTION_SOCKET = 's',
	OPTION_DENIED = 'd',
	OPTION_CHANGES = 'c',
	OPTION_VERDICT = 'v',
	OPTION_OPERATION = 'o',
	OPTION_POWER = 'w',
	OPTION_RULE = 'r',
	OPTION_OUTCOMES = 'e',
	OPTION_FOR = 'F',
	OPTION_NO_COLOR = 'n',
	OPTION_LEARN = 'l',
	OPTION_INCOMPLETE = 'i',
	OPTION_APPROVE = 'A',
};

struct watch {
	struct watch_client client;
	struct audit_filter filter;
	struct watch_view view;
	struct suggest_options suggestion;
	struct observations *observations; /* with learn */
	bool learn;
	bool learn_options; /* an option was given that is for learn alone */
	bool approve;       /* show the requests that wait for root instead */
	bool incomplete;    /* make a suggestion even if lines were missed */
	bool json;          /* print lines as dspd sends them */
	bool outcomes;
	bool no_color;
	bool away;         /* dspd does not answer */
	unsigned seconds;  /* 0: until a signal */
	uint64_t restarts; /* of dspd */
};

/* --- signals -----------------------------------------------------------------------------------*/

static volatile sig_atomic_t ended;
static volatile sig_atomic_t resized;

static void handle_signal(int number)
{
	if (number == SIGWINCH)
		resized = 1;
	else
		ended = 1;
}

/* --- polling -----------------------------------------------------------------------------------*/

static int fail(const struct err *e)
{
	(void)fprintf(stderr, "dsp watch: %s%s\n", e->text, command_hint(e));
	return -1;
}

/* Prints and learns from one line of dspd's. -1: it cannot go on, after a message to the user. */
static int process_line(struct watch *w, size_t number, struct span line)
{
	struct audit_entry l;
	struct err e;
	bool wanted;
	int rc = 0;

	if (audit_entry_parse(w->client.socket, number, line, &l, &e) != 0)
		return fail(&e);
	/* The filter's conditions are about decisions. Losses are always shown. */
	wanted = l.type == ENTRY_DECISION || l.type == ENTRY_ASKED
		? audit_filter_matches(&w->filter, &l)
		: l.type == ENTRY_DROPPED || !audit_filter_is_set(&w->filter);
	if (w->json && wanted)
		(void)printf("%.*s\n", (int)line.n, line.s);
	watch_view_add(&w->view, &l, wanted && !w->json);
	if (w->learn && observations_add(w->observations, &l, w->suggestion.user, &e) != 0)
		rc = fail(&e);
	json_decref(l.object);
	return rc;
}

/*
 * Fetches and processes the lines since the last poll. 0 also when dspd does not answer, but did
 * before: it may be restarting. -1: it cannot go on, after a message to the user.
 */
static int poll_dspd(struct watch *w)
{
	struct span line;
	struct err e;
	size_t n = 0;

	if (watch_client_fetch(&w->client, &e) != 0) {
		if (w->client.cursor[0] == '\0' || e.code == EPROTO)
			return fail(&e);
		if (!w->away)
			watch_view_note(&w->view, "%s; waiting", e.text);
		w->away = true;
		return 0;
	}
	w->restarts += w->client.restarted;
	if (w->client.restarted)
		watch_view_note(
			&w->view, "dspd restarted: its last decisions before that may be missing");
	else if (w->away)
		watch_view_note(&w->view, "dspd answers again");
	w->away = false;
	while (watch_client_next(&w->client, &line)) {
		if (process_line(w, ++n, line) != 0)
			return -1;
	}
	return 0;
}

/* Waits until the next poll is due. False: nobody reads the output any more. */
static bool wait_for_next_poll(const struct watch *w, uint64_t until)
{
	struct pollfd p = { .fd = w->json ? STDOUT_FILENO : fileno(w->view.to) };
	int ms = w->client.reply.len < WATCH_REPLY_MOST / 8 ? BUSY_MS : FLOOD_MS;

	if (w->away)
		ms = AWAY_MS;
	else if (!w->view.fresh)
		ms = IDLE_MS;
	if (until > 0)
		ms = clock_earlier(ms, clock_now(), until);
	if (ended || poll(&p, 1, w->client.more ? 0 : ms) <= 0)
		return true;
	return (p.revents & (POLLERR | POLLHUP | POLLNVAL)) == 0;
}

/* Fetches what was decided until now; dspd may decide more all the time, so there is a limit. */
static int poll_rest(struct watch *w)
{
	int polls = WATCH_BYTES / WATCH_REPLY_MOST + 1;
	int rc;

	do
		rc = poll_dspd(w);
	while (rc == 0 && w->client.more && !w->away && --polls > 0);
	return rc;
}

/* Polls until a signal or the end of --for. -1: it ended otherwise, after a message to the user. */
static int watch_loop(struct watch *w)
{
	uint64_t until = w->seconds > 0 ? clock_now() + (uint64_t)w->seconds * 1000 : 0;
	struct err e;

	do {
		w->view.fresh = false;
		if (poll_dspd(w) != 0)
			return -1;
		if (resized)
			watch_view_measure(&w->view);
		resized = 0;
		if (!watch_view_refresh(&w->view) || fflush(stdout) != 0) {
			err_set(&e, errno, "cannot write the output");
			/* A reader that went away needs no message, a full disk needs one. */
			return e.code == EPIPE ? -1 : fail(&e);
		}
		if (!wait_for_next_poll(w, until))
			return -1;
	} while (!ended && (until == 0 || clock_now() < until));
	return w->away ? 0 : poll_rest(w);
}

/* --- begin and end -----------------------------------------------------------------------------*/

/* A second signal kills, whatever blocks the first. */
static void catch_signals(void)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction a = { .sa_handler = handle_signal, .sa_flags = SA_RESTART };

	(void)sigemptyset(&a.sa_mask);
	(void)sigaction(SIGWINCH, &a, NULL);
	a.sa_flags |= (int)SA_RESETHAND;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		(void)sigaction(ends[i], &a, NULL);
}

static void print_target(struct watch *w)
{
	struct err e;
	json_auto_t *o = http_client_ask_dsp(
		w->client.socket, ENDPOINT_STATUS, STATUS_MS, NULL, &e);
	const char *profile = json_string_value(json_object_get(o, "profile"));
	const char *mode = json_string_value(json_object_get(o, "mode"));
	char shown[40];

	text_escape(span_of(profile ? profile : "?"), shown, sizeof(shown));
	watch_view_note(&w->view, "watching %s, profile %s%s", w->client.socket, shown,
		mode && strcmp(mode, "monitor") == 0 ? "; MONITOR MODE: dspd denies nothing" : "");
}

/* Prints what was learned, if nothing was missed; returns the exit status. */
static int print_suggestion(struct watch *w)
{
	if (w->view.lost + w->restarts == 0 || w->incomplete) {
		if (w->restarts > 0)
			observations_note(w->observations,
				"dspd restarted %llu times: its last decisions before a restart may "
				"be missing",
				(unsigned long long)w->restarts);
		return suggest_end(&w->suggestion, w->observations);
	}
	(void)fprintf(stderr,
		"dsp watch: no suggestion: %llu lines were lost, and dspd restarted %llu times; the "
		"suggestion would deny what is missing. Watch again, or use --incomplete\n",
		(unsigned long long)w->view.lost, (unsigned long long)w->restarts);
	return EXIT_FINDINGS;
}

static int watch(struct watch *w)
{
	/* Standard output is for the suggestion alone, or for lines of JSON alone. */
	bool aside = w->json || w->learn;
	struct err e;
	int rc;

	w->observations = suggest_begin(&w->suggestion, &e);
	if (!w->observations) {
		(void)fail(&e);
		return EXIT_FINDINGS;
	}
	if (watch_view_begin(&w->view, aside ? stderr : stdout, !w->no_color) != 0)
		return EXIT_FINDINGS;
	w->view.terminal = w->view.terminal && !w->json;
	w->view.outcomes = w->outcomes;
	catch_signals();
	rc = poll_dspd(w);
	if (rc == 0) {
		print_target(w);
		rc = watch_loop(w);
	}
	watch_view_end(&w->view, rc == 0 ? w->view.to : NULL);
	watch_client_free(&w->client);
	/* What could not be written has been reported. */
	if (rc != 0) {
		clearerr(stdout);
		return EXIT_FINDINGS;
	}
	return w->learn ? print_suggestion(w) : EXIT_FINE;
}

/* --- arguments ---------------------------------------------------------------------------------*/

/* An option of dsp suggest; two of them mean something without --learn too. */
static const char *parse_shared_option(struct watch *w, int option)
{
	if (option == SUGGEST_JSON)
		w->json = true;
	else if (option == SUGGEST_USER)
		w->filter.user = optarg;
	else
		w->learn_options = true;
	return suggest_parse_option(&w->suggestion, option, optarg);
}

static const char *parse_seconds(struct watch *w, const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || n == 0 || n > SECONDS_MOST)
		return "not a number of seconds";
	w->seconds = (unsigned)n;
	return NULL;
}

/* NULL, or what is wrong with the option. */
static const char *parse_option(struct watch *w, int option)
{
	switch (option) {
	case OPTION_SOCKET:
		w->client.socket = optarg;
		return NULL;
	case OPTION_DENIED:
		w->filter.denied = true;
		return NULL;
	case OPTION_CHANGES:
		w->filter.changes = true;
		return NULL;
	case OPTION_VERDICT:
		w->filter.verdict = optarg;
		return NULL;
	case OPTION_OPERATION:
		w->filter.operation = optarg;
		return NULL;
	case OPTION_POWER:
		w->filter.power = optarg;
		return NULL;
	case OPTION_RULE:
		w->filter.rule = optarg;
		return NULL;
	case OPTION_OUTCOMES:
		w->outcomes = true;
		return NULL;
	case OPTION_FOR:
		return parse_seconds(w, optarg);
	case OPTION_NO_COLOR:
		w->no_color = true;
		return NULL;
	case OPTION_LEARN:
		w->learn = true;
		return NULL;
	case OPTION_APPROVE:
		w->approve = true;
		return NULL;
	case OPTION_INCOMPLETE:
		w->incomplete = true;
		return NULL;
	default:
		return parse_shared_option(w, option);
	}
}

static const struct option options[] = { SUGGEST_OPTIONS,
	{ "socket", required_argument, NULL, OPTION_SOCKET },
	{ "denied", no_argument, NULL, OPTION_DENIED },
	{ "changes", no_argument, NULL, OPTION_CHANGES },
	{ "verdict", required_argument, NULL, OPTION_VERDICT },
	{ "operation", required_argument, NULL, OPTION_OPERATION },
	{ "power", required_argument, NULL, OPTION_POWER },
	{ "rule", required_argument, NULL, OPTION_RULE },
	{ "outcomes", no_argument, NULL, OPTION_OUTCOMES },
	{ "for", required_argument, NULL, OPTION_FOR },
	{ "no-color", no_argument, NULL, OPTION_NO_COLOR },
	{ "learn", no_argument, NULL, OPTION_LEARN },
	{ "approve", no_argument, NULL, OPTION_APPROVE },
	{ "incomplete", no_argument, NULL, OPTION_INCOMPLETE }, { NULL, 0, NULL, 0 } };

static int parse_arguments(struct watch *w, int argc, char **argv)
{
	const char *wrong;
	int o;

	while ((o = command_option(&watch_command, argc, argv)) != -1) {
		if (o == '?')
			return EXIT_USAGE;
		wrong = parse_option(w, o);
		if (wrong)
			return command_usage("watch", "%s: %s", argv[optind - 1], wrong);
	}
	if (optind < argc)
		return command_usage("watch", "%s: not expected", argv[optind]);
	wrong = audit_filter_check(&w->filter);
	if (wrong)
		return command_usage("watch", "%s", wrong);
	if (w->approve &&
		(w->learn || w->outcomes || w->filter.user || audit_filter_is_set(&w->filter)))
		return command_usage("watch", "--approve takes --json, --for and --socket alone");
	if ((w->learn_options || w->incomplete) && !w->learn)
		return command_usage("watch", "this option needs --learn");
	w->json = w->json && !w->learn;
	return EXIT_FINE;
}

static int run_watch(int argc, char **argv)
{
	AUTO_MEM struct watch *w = mem_array(1, sizeof(*w));
	int status;

	if (!w) {
		(void)fprintf(stderr, "dsp watch: out of memory\n");
		return EXIT_FINDINGS;
	}
	w->client.socket = command_running_socket(NULL);
	status = parse_arguments(w, argc, argv);
	if (status != EXIT_FINE)
		return status;
	status = w->approve ? watch_approve(w->client.socket, w->json, w->seconds) : watch(w);
	json_decref(w->suggestion.users_file);
	observations_free(w->observations);
	return status;
}

const struct command watch_command = {
	.name = "watch",
	.arguments =
		"[--approve] [--denied] [--changes] [--verdict allow|deny|would] [--user USER] [--operation GLOB] [--power POWER] [--rule RULE] [--outcomes] [--json] [--for SECONDS] [--no-color] [--learn] [--socket PATH]",
	.run = run_watch,
	.options = options,
	.summary = "show the decisions of the running dspd as they are made",
	.help = "  --approve         show the requests that wait for root, by rules with ask, and answer\n"
		"                    them by keys: a approve, g approve the same for 15 min, d refuse;\n"
		"                    with --json, a line for each that comes or ends\n"
		"  --denied          only what dsp denies, or would deny but for monitor mode\n"
		"  --changes         only requests that change something, and denials\n"
		"  --verdict allow|deny|would  only this verdict; would: only monitor mode allows it\n"
		"  --user USER       only requests of this user: a name, cn:NAME or anonymous\n"
		"  --operation GLOB  only operations whose name matches, such as container_*\n"
		"  --power POWER     only requests that need this power\n"
		"  --rule RULE       only what this rule decided, or would decide but for monitor mode\n"
		"  --outcomes        also show what dockerd answered\n"
		"  --json            print the lines of the audit log; with --learn the suggestion as JSON\n"
		"  --for SECONDS     end after this time\n"
		"  --no-color        the same as --color=never\n"
		"  --learn           show decisions on standard error, and at the end print the smallest\n"
		"                    flags or policy that allow them; takes these options of dsp suggest:\n"
		"  --flags           print an env file (the default)\n"
		"  --policy          print a policy file\n"
		"  --profile PROFILE  what unset flags mean\n"
		"  --users FILE      copy the users of this policy file\n"
		"  --accept POWER,...  suggest these powers although they lead directly to root\n"
		"  --include-denied  allow denied requests too\n"
		"  --exact           do not widen lists of images and mounts\n"
		"  --tests FILE      write tests of the suggestion to FILE\n"
		"  --incomplete      print a suggestion even if lines were lost\n"
		"  --socket PATH     the socket of dspd (DSP_SOCKET; default " SETTINGS_SOCKET ",\n"
		"                    or that of the managed plugin dsp)\n"
		"\n"
		"The command shows all decisions, also those that the audit log leaves out. Lines that\n"
		"repeat within a second are counted. dspd keeps at most 1 MiB for watchers and never waits\n"
		"for them; lost lines are counted and reported. When dspd restarts, the command goes on.\n"
		"Ctrl-C ends it with a summary.\n"
		"Status 0: ended by SIGINT, SIGTERM or --for; 1: cannot connect to dspd at the start, or no\n"
		"suggestion is possible.\n",
};
