#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "dsp/audit/audit_log.h"
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

/* Counts an entry; an audit_log_use. */
static int count_entry(void *context, struct audit_entry *l, struct err *e)
{
	struct report_run *g = context;
	struct report *r = &g->report;
	const struct audit_entry *of = NULL;

	(void)e;
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
		return 0;
	}
	json_decref(g->recent[g->next].object);
	g->recent[g->next] = *l;
	g->next = (g->next + 1) % RECENT;
	return 0;
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
static int make_report(struct report_run *g, const struct audit_logs *logs, const char *output)
{
	struct err e;
	int rc = report_init(&g->report);

	if (rc != 0)
		err_set(&e, ENOMEM, "a report");
	else
		rc = audit_logs_read(logs, count_entry, g, &g->report.truncated_lines, &e);
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

static const struct option options[] = { { "since", required_argument, NULL, 's' },
	{ "until", required_argument, NULL, 'u' }, { "title", required_argument, NULL, 't' },
	{ "output", required_argument, NULL, 'o' }, { NULL, 0, NULL, 0 } };

static int run_report(int argc, char **argv)
{
	AUTO_MEM struct report_run *g = mem_array(1, sizeof(*g));
	struct audit_logs logs = { .count = 0 };
	const char *output = NULL;
	int o;

	if (!g) {
		(void)fprintf(stderr, "dsp report: out of memory\n");
		return EXIT_FINDINGS;
	}
	while ((o = command_option(&report_command, argc, argv)) != -1) {
		if (o == '?')
			return EXIT_USAGE;
		if (o == 't')
			g->report.title = optarg;
		else if (o == 'o')
			output = optarg;
		else if (!audit_moment_parse(optarg, o == 's' ? logs.since : logs.until))
			return command_usage("report", AUDIT_MOMENT_WRONG, optarg);
	}
	if (!output && isatty(STDOUT_FILENO))
		return command_usage("report", "a terminal cannot show the page: -o report.html");
	logs.paths = argv + optind;
	logs.count = (size_t)(argc - optind);
	return make_report(g, &logs, output);
}

const struct command report_command = {
	.name = "report",
	.arguments = "[-o FILE] [--since TIME] [--until TIME] [--title TEXT] [LOG|-]...",
	.run = run_report,
	.options = options,
	.summary = "make an HTML page of an audit log: who did what, what was denied and why",
	.help = "  -o, --output FILE  write the page to FILE, not to standard output\n"
		"  --since TIME       only decisions from then on: yesterday, today, 2h (hours ago; m, d),\n"
		"                     2026-11-25, or 2026-11-25T10:00 (UTC)\n"
		"  --until TIME       only decisions before then\n"
		"  --title TEXT       the page's title (default: the host's name)\n"
		"\n"
		"LOG are files of an audit log, oldest first; - is standard input. Without LOG: the audit\n"
		"log of this host, in the journal or where the running dspd writes it. The page is one\n"
		"file: it loads nothing and has no script.\n"
		"Status 0: the page is made; 1: a line that is not of an audit log, or a failure.\n",
};
