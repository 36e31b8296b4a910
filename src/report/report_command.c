#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "dsp/config/command.h"
#include "dsp/core/base/mem.h"
#include "report.h"

enum { RECENT = 8192 }; /* lines that a repeat may still name: those of some seconds */

struct report_run {
	struct report report;
	struct audit_entry recent[RECENT]; /* a ring, in which repeats find their line; owned */
	size_t next;
};

static const struct audit_entry *find_recent(const struct report_run *g, const char *id)
{
	for (size_t i = 1; i <= RECENT; i++) {
		const struct audit_entry *l = &g->recent[(g->next + RECENT - i) % RECENT];

		if (!l->object)
			return NULL;
		if (strcmp(l->id, id) == 0)
			return l;
	}
	return NULL;
}

/* Counts an entry of the period asked for. Takes over its object. */
static void count_entry(struct report_run *g, struct audit_entry *l)
{
	struct report *r = &g->report;
	const struct audit_entry *of = NULL;

	if ((r->since && strncmp(l->time, r->since, strlen(r->since)) < 0) ||
		(r->until && strncmp(l->time, r->until, strlen(r->until)) >= 0)) {
		json_decref(l->object);
		return;
	}
	if (l->type == ENTRY_REPEAT)
		of = find_recent(g, audit_entry_text(l, "of"));
	if (of)
		report_count(r, of, l->count);
	else if (l->type == ENTRY_REPEAT)
		r->orphan_repeats += l->count;
	else if (l->type == ENTRY_DROPPED)
		r->dropped += l->count;
	report_count(r, l, 1);
	if (l->type != ENTRY_DECISION && l->type != ENTRY_OUTCOME) {
		json_decref(l->object);
		return;
	}
	json_decref(g->recent[g->next].object);
	g->recent[g->next] = *l;
	g->next = (g->next + 1) % RECENT;
}

static int count_log(struct report_run *g, const char *path, struct err *e)
{
	struct audit_reader *reader = NULL;
	struct audit_entry l;
	int rc;

	if (audit_reader_open(path, &reader, e) != 0)
		return -1;
	while ((rc = audit_reader_next(reader, &l, e)) > 0)
		count_entry(g, &l);
	g->report.truncated_lines += audit_reader_truncated(reader);
	audit_reader_close(reader);
	return rc;
}

/* Writes the page to a file, or to standard output (NULL). */
static int write_page(struct report *r, const char *path, struct err *e)
{
	FILE *out = path ? fopen(path, "we") : stdout;
	int rc = out ? report_page(r, out) : -1;

	if (rc != 0)
		err_set(e, errno, "%s", path ? path : "the page");
	if (!path)
		clearerr(stdout); /* this is reported here */
	if (out && path && fclose(out) != 0 && rc == 0)
		rc = FAIL(e, errno, "%s", path);
	return rc;
}

/* Makes the page about some audit logs; returns the exit status. */
static int make_report(struct report_run *g, char **paths, int count, const char *output)
{
	struct err e;
	int rc = report_init(&g->report);

	if (rc != 0)
		err_set(&e, ENOMEM, "a report");
	for (int i = 0; rc == 0 && i < count; i++)
		rc = count_log(g, paths[i], &e);
	for (size_t i = 0; i < RECENT; i++)
		json_decref(g->recent[i].object);
	if (rc == 0)
		rc = write_page(&g->report, output, &e);
	report_free(&g->report);
	if (rc == 0)
		return EXIT_FINE;
	(void)fprintf(stderr, "dsp report: %s\n", e.text);
	return EXIT_FINDINGS;
}

/*
 * Parses the first characters of an audit log's time, such as "2026-11-25", into *ret, which points
 * into text. A Z at the end is cut off: all times are UTC. False: it is none.
 */
static bool parse_moment(char *text, const char **ret)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.dddddd";
	size_t n = strlen(text);

	if (n > 0 && text[n - 1] == 'Z')
		text[--n] = '\0';
	if (n < strlen("2026") || n > strlen(form))
		return false;
	for (size_t i = 0; i < n; i++) {
		bool digit = text[i] >= '0' && text[i] <= '9';

		if (form[i] == 'd' ? !digit : text[i] != form[i])
			return false;
	}
	*ret = text;
	return true;
}

static const struct option options[] = { { "since", required_argument, NULL, 's' },
	{ "until", required_argument, NULL, 'u' }, { "title", required_argument, NULL, 't' },
	{ "output", required_argument, NULL, 'o' }, { NULL, 0, NULL, 0 } };

static int run_report(int argc, char **argv)
{
	char standard_input[] = "-";
	char *one[] = { standard_input };
	AUTO_MEM struct report_run *g = mem_array(1, sizeof(*g));
	const char *output = NULL;
	int o;

	if (!g) {
		(void)fprintf(stderr, "dsp report: out of memory\n");
		return EXIT_FINDINGS;
	}
	while ((o = command_option(&report_command, argc, argv)) != -1) {
		bool moment = o == 's' || o == 'u';

		if (moment && !parse_moment(optarg, o == 's' ? &g->report.since : &g->report.until))
			return command_usage("report",
				"%s: not a time in UTC, such as 2026-11-25T10:00", optarg);
		if (o == 't')
			g->report.title = optarg;
		else if (o == 'o')
			output = optarg;
		else if (!moment)
			return EXIT_USAGE;
	}
	if (!output && isatty(STDOUT_FILENO))
		return command_usage("report", "a terminal cannot show the page: -o report.html");
	if (optind < argc)
		return make_report(g, argv + optind, argc - optind, output);
	if (isatty(STDIN_FILENO))
		return command_usage("report", "name an audit log: LOG, or - for standard input");
	return make_report(g, one, 1, output);
}

const struct command report_command = {
	.name = "report",
	.arguments = "[-o FILE] [--since TIME] [--until TIME] [--title TEXT] [LOG|-]...",
	.run = run_report,
	.options = options,
	.summary = "make an HTML page of an audit log: who did what, what was denied and why",
	.help = "  -o, --output FILE  write the page to FILE, not to standard output\n"
		"  --since TIME       only decisions from then on: 2026-11-25, or 2026-11-25T10:00 (UTC)\n"
		"  --until TIME       only decisions before then\n"
		"  --title TEXT       the page's title (default: the host's name)\n"
		"\n"
		"LOG are files of an audit log, oldest first; - or none: standard input. The page is one\n"
		"file: it loads nothing and has no script.\n"
		"Status 0: the page is made; 1: a line that is not of an audit log, or a failure.\n",
};
