/* dsp watch: what dsp decides, as it decides it. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit_filter.h"
#include "dsp/config/command.h"
#include "dsp/core/base/text.h"
#include "dsp/learn/suggest_command.h"
#include "dsp/protocol/protocol.h"
#include "dsp/system/clock.h"
#include "watch_client.h"
#include "watch_view.h"

enum {
	FLOOD_MS = 10, /* until it is asked again, after much came */
	BUSY_MS = 100, /* after something came */
	IDLE_MS = 250,
	AWAY_MS = 500, /* when nobody answers */
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
	OPTION_OUTCOMES = 'e',
	OPTION_FOR = 'F',
	OPTION_NO_COLOR = 'n',
	OPTION_LEARN = 'l',
	OPTION_INCOMPLETE = 'i',
};

struct watching {
	struct feed feed;
	struct pick pick;
	struct show show;
	struct suggestion_options suggestion;
	struct learned *all; /* of what was seen, when it learns */
	bool learn;
	bool learns;     /* an option was given that means something only then */
	bool incomplete; /* a suggestion is wanted all the same */
	bool json;       /* lines as they are */
	bool outcomes;
	bool no_color;
	bool away;        /* nobody answers */
	unsigned seconds; /* 0: until it is ended */
	uint64_t restarts;
};

/* --- signals -----------------------------------------------------------------------------------*/

static volatile sig_atomic_t ended;
static volatile sig_atomic_t resized;

static void take_signal(int number)
{
	if (number == SIGWINCH)
		resized = 1;
	else
		ended = 1;
}

/* A second one kills, whatever holds it up. */
static void catch_signals(void)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction a = { .sa_handler = take_signal, .sa_flags = SA_RESTART };

	(void)sigemptyset(&a.sa_mask);
	(void)sigaction(SIGWINCH, &a, NULL);
	a.sa_flags |= (int)SA_RESETHAND;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		(void)sigaction(ends[i], &a, NULL);
}

/* --- lines -------------------------------------------------------------------------------------*/

static int fail(const struct err *e)
{
	(void)fprintf(stderr, "dsp watch: %s\n", e->text);
	return -1;
}

/* What was lost goes past all that is picked, and an outcome tells nothing to pick it by. */
static bool is_wanted(const struct watching *w, const struct trail_line *l)
{
	if (l->type == TRAIL_DECISION)
		return pick_wants(&w->pick, l);
	return l->type == TRAIL_DROPPED || !pick_any(&w->pick);
}

static int take_line(struct watching *w, size_t number, struct span line)
{
	struct trail_line l;
	struct err e;
	bool wanted;
	int rc = 0;

	if (trail_parse(w->feed.socket, number, line, &l, &e) != 0)
		return fail(&e);
	wanted = is_wanted(w, &l);
	if (w->json && wanted)
		(void)printf("%.*s\n", (int)line.n, line.s);
	show_line(&w->show, &l, wanted && !w->json);
	if (w->learn && learn_line(w->all, &l, w->suggestion.user, &e) != 0)
		rc = fail(&e);
	json_decref(l.object);
	return rc;
}

static int take_lines(struct watching *w)
{
	struct span line;
	size_t n = 0;

	while (feed_next(&w->feed, &line)) {
		if (take_line(w, ++n, line) != 0)
			return -1;
	}
	return 0;
}

/* --- asking ------------------------------------------------------------------------------------*/

/* It may come back: a restart is no reason to stop looking. */
static int note_away(struct watching *w, const struct err *e)
{
	if (w->feed.cursor[0] == '\0' || e->code == EPROTO)
		return fail(e);
	if (!w->away)
		show_note(&w->show, "%s; waiting", e->text);
	w->away = true;
	return 0;
}

static void note_back(struct watching *w)
{
	w->restarts += w->feed.anew;
	if (w->feed.anew)
		show_note(&w->show,
			"dsp was started anew: what it decided last before that was not seen");
	else if (w->away)
		show_note(&w->show, "dsp answers again");
	w->away = false;
}

/* -1: it was said why it cannot go on. */
static int ask(struct watching *w)
{
	struct err e;

	if (feed_ask(&w->feed, &e) != 0)
		return note_away(w, &e);
	note_back(w);
	return take_lines(w);
}

static int pause_of(const struct watching *w)
{
	if (w->away)
		return AWAY_MS;
	if (!w->show.fresh)
		return IDLE_MS;
	return w->feed.reply.len < WATCH_REPLY_MOST / 8 ? BUSY_MS : FLOOD_MS;
}

/* False: nobody reads any more what is written. */
static bool rest(const struct watching *w, uint64_t until)
{
	int ms = pause_of(w);
	struct pollfd p = { .fd = w->json ? STDOUT_FILENO : fileno(w->show.to) };

	if (until > 0)
		ms = clock_earlier(ms, clock_now(), until);
	if (ended || poll(&p, 1, w->feed.more ? 0 : ms) <= 0)
		return true;
	return (p.revents & (POLLERR | POLLHUP | POLLNVAL)) == 0;
}

/* Who reads no more wants no word of it; a full disk is another thing. */
static int write_out(struct watching *w)
{
	struct err e;

	if (show_turn(&w->show) && fflush(stdout) == 0)
		return 0;
	err_set(&e, errno, "what is shown cannot be written");
	return errno == EPIPE ? -1 : fail(&e);
}

/* What was decided until now: no more than dsp keeps, for there may be no end of it. */
static int look_at_rest(struct watching *w)
{
	int turns = WATCH_BYTES / WATCH_REPLY_MOST + 1;
	int rc;

	do
		rc = ask(w);
	while (rc == 0 && w->feed.more && !w->away && --turns > 0);
	return rc;
}

/* 0: it was ended as it should be; -1: not, and why was said, if there is anybody to read it. */
static int look(struct watching *w)
{
	uint64_t until = w->seconds > 0 ? clock_now() + (uint64_t)w->seconds * 1000 : 0;

	do {
		w->show.fresh = false;
		if (ask(w) != 0)
			return -1;
		if (resized)
			show_measure(&w->show);
		resized = 0;
		if (write_out(w) != 0 || !rest(w, until))
			return -1;
	} while (!ended && (until == 0 || clock_now() < until));
	return w->away ? 0 : look_at_rest(w);
}

/* --- begin and end -----------------------------------------------------------------------------*/

static void say_what_is_watched(struct watching *w)
{
	struct err e;
	json_auto_t *o = http_ask_dsp(w->feed.socket, ENDPOINT_STATUS, STATUS_MS, NULL, &e);
	const char *profile = json_string_value(json_object_get(o, "profile"));
	const char *mode = json_string_value(json_object_get(o, "mode"));
	char shown[40];

	text_escape(span_of(profile ? profile : "?"), shown, sizeof(shown));
	show_note(&w->show, "watching %s, profile %s%s", w->feed.socket, shown,
		mode && strcmp(mode, "monitor") == 0 ? "; MONITOR MODE: nothing is denied" : "");
}

static int suggest(struct watching *w)
{
	if (w->show.lost + w->restarts == 0 || w->incomplete) {
		if (w->restarts > 0)
			learn_note(w->all,
				"dsp was started anew %llu times while it was watched: what it "
				"decided then may be missing",
				(unsigned long long)w->restarts);
		return suggestion_end(&w->suggestion, w->all);
	}
	(void)fprintf(stderr,
		"dsp watch: no suggestion: %llu lines were lost, and dsp was started anew %llu "
		"times; what was not seen would be denied. Watch again, or --incomplete\n",
		(unsigned long long)w->show.lost, (unsigned long long)w->restarts);
	return EXIT_FINDINGS;
}

/* What is suggested goes to standard output alone, and so do lines of JSON. */
static int run(struct watching *w)
{
	bool aside = w->json || w->learn;
	struct err e;
	int rc;

	if (suggestion_begin(&w->suggestion, &e) != 0) {
		(void)fail(&e);
		return EXIT_FINDINGS;
	}
	if (show_begin(&w->show, aside ? stderr : stdout, !w->no_color) != 0)
		return EXIT_FINDINGS;
	w->show.terminal = w->show.terminal && !w->json;
	w->show.outcomes = w->outcomes;
	catch_signals();
	rc = ask(w);
	if (rc == 0) {
		say_what_is_watched(w);
		rc = look(w);
	}
	show_end(&w->show, rc == 0 ? w->show.to : NULL);
	feed_end(&w->feed);
	if (rc != 0)
		return EXIT_FINDINGS;
	return w->learn ? suggest(w) : EXIT_FINE;
}

/* --- arguments ---------------------------------------------------------------------------------*/

/* Options that mean something without learning too, with a suggestion's. */
static const char *take_shared(struct watching *w, int option)
{
	if (option == SUGGESTION_JSON)
		w->json = true;
	else if (option == SUGGESTION_USER)
		w->pick.user = optarg;
	else
		w->learns = true;
	return suggestion_option(&w->suggestion, w->all, option, optarg);
}

static const char *take_seconds(struct watching *w, const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || n == 0 || n > SECONDS_MOST)
		return "not a number of seconds";
	w->seconds = (unsigned)n;
	return NULL;
}

/* NULL: it was taken; else what is wrong with it. */
static const char *take_option(struct watching *w, int option)
{
	switch (option) {
	case OPTION_SOCKET:
		w->feed.socket = optarg;
		return NULL;
	case OPTION_DENIED:
		w->pick.denied = true;
		return NULL;
	case OPTION_CHANGES:
		w->pick.changes = true;
		return NULL;
	case OPTION_VERDICT:
		w->pick.verdict = optarg;
		return NULL;
	case OPTION_OPERATION:
		w->pick.operation = optarg;
		return NULL;
	case OPTION_POWER:
		w->pick.power = optarg;
		return NULL;
	case OPTION_OUTCOMES:
		w->outcomes = true;
		return NULL;
	case OPTION_FOR:
		return take_seconds(w, optarg);
	case OPTION_NO_COLOR:
		w->no_color = true;
		return NULL;
	case OPTION_LEARN:
		w->learn = true;
		return NULL;
	case OPTION_INCOMPLETE:
		w->incomplete = true;
		return NULL;
	default:
		return take_shared(w, option);
	}
}

static int take_arguments(struct watching *w, int argc, char **argv)
{
	static const struct option options[] = { SUGGESTION_OPTIONS,
		{ "socket", required_argument, NULL, OPTION_SOCKET },
		{ "denied", no_argument, NULL, OPTION_DENIED },
		{ "changes", no_argument, NULL, OPTION_CHANGES },
		{ "verdict", required_argument, NULL, OPTION_VERDICT },
		{ "operation", required_argument, NULL, OPTION_OPERATION },
		{ "power", required_argument, NULL, OPTION_POWER },
		{ "outcomes", no_argument, NULL, OPTION_OUTCOMES },
		{ "for", required_argument, NULL, OPTION_FOR },
		{ "no-color", no_argument, NULL, OPTION_NO_COLOR },
		{ "learn", no_argument, NULL, OPTION_LEARN },
		{ "incomplete", no_argument, NULL, OPTION_INCOMPLETE }, { NULL, 0, NULL, 0 } };
	const char *wrong;
	int o;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	while ((o = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		wrong = take_option(w, o);
		if (wrong)
			return cli_usage("watch", "%s: %s", argv[optind - 1], wrong);
	}
	if (optind < argc)
		return cli_usage("watch", "%s: not expected", argv[optind]);
	wrong = pick_check(&w->pick);
	if (wrong)
		return cli_usage("watch", "%s", wrong);
	if ((w->learns || w->incomplete) && !w->learn)
		return cli_usage("watch", "an option of suggestions is for --learn alone");
	w->json = w->json && !w->learn;
	return EXIT_FINE;
}

int cli_watch(int argc, char **argv)
{
	static struct learned all;
	static struct watching w = { .all = &all };
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	const char *socket = getenv("DSP_SOCKET");
	int status;

	w.feed.socket = socket && socket[0] != '\0' ? socket : SETTINGS_SOCKET;
	status = take_arguments(&w, argc, argv);
	if (status != EXIT_FINE)
		return status;
	status = run(&w);
	suggestion_free(&w.suggestion);
	learned_free(&all);
	return status;
}
