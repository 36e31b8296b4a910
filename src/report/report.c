#include "report.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "dsp/config/command.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"

enum {
	SUBJECTS_MOST = 2000,
	ROWS_MOST = 20000,
	KEPT = 8192, /* lines that a repeat may still name: those of some seconds */
	KEY_MOST = 1600,
};

int report_init(struct report *r)
{
	r->width = 60;
	if (counter_init(&r->subjects, SUBJECTS_MOST) != 0 ||
		counter_init(&r->uses, ROWS_MOST) != 0 ||
		counter_init(&r->denials, ROWS_MOST) != 0 ||
		counter_init(&r->roots, ROWS_MOST) != 0 ||
		counter_init(&r->details, ROWS_MOST) != 0 || counter_init(&r->outcomes, 1000) != 0)
		return -1;
	return 0;
}

void report_free(struct report *r)
{
	counter_free(&r->subjects);
	counter_free(&r->uses);
	counter_free(&r->denials);
	counter_free(&r->roots);
	counter_free(&r->details);
	counter_free(&r->outcomes);
}

/* --- counting ----------------------------------------------------------------------------------*/

/* What every row says of one line. */
struct weight {
	const struct audit_entry *line;
	uint64_t times;
	bool denied;
	bool would;
	bool write;
};

static void add_to_row(struct counter_row *row, const struct weight *w)
{
	row->n[COUNTER_ALL] += w->times;
	row->n[COUNTER_DENIED] += w->denied ? w->times : 0;
	row->n[COUNTER_WOULD] += w->would ? w->times : 0;
	row->n[COUNTER_WRITES] += w->write ? w->times : 0;
	if (strcmp(w->line->time, row->last) > 0)
		text_copy(span_of(w->line->time), row->last, sizeof(row->last));
}

/* The latest thing with this key. */
static void set_example(struct counter_row *row, const char *example)
{
	if (row->example && strcmp(row->example, example) == 0)
		return;
	mem_free(row->example);
	row->example = mem_copy(example, strlen(example));
}

static struct counter_row *row_of(struct counter *t, const char *const *parts, size_t count)
{
	char key[KEY_MOST];
	struct line l;

	line_init(&l, key, sizeof(key));
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			line_add(&l, "%c", COUNTER_SEPARATOR);
		line_add_cut(&l, span_of(parts[i]));
	}
	return counter_row(t, key);
}

/* The rule that refused, else the flags that would open what is closed, else the flag. */
static void decider_text(const struct audit_entry *l, char *out, size_t cap)
{
	const char *rule = audit_entry_text(l, "rule");
	const char *name;
	struct line text;

	line_init(&text, out, cap);
	line_add_cut(&text, span_of(rule[0] ? rule : audit_entry_text(l, "flag")));
	if (text.n > 0)
		return;
	for (size_t i = 0; (name = audit_entry_word(l, "closed", i)); i++) {
		enum power p = power_find(span_of(name));

		if (p != POWER_COUNT)
			line_add(&text, "%s%s", i > 0 ? " " : "", power_info(p)->flag);
	}
}

/* "POST /containers/create": as it was sent. */
static void count_denial(struct report *r, const struct weight *w, const char *subject)
{
	const struct audit_entry *l = w->line;
	char by[400];
	const char *parts[] = { audit_entry_text(l, "reason"), audit_entry_text(l, "decided_by"),
		by, subject };
	struct counter_row *row;
	char example[400];
	struct line text;

	decider_text(l, by, sizeof(by));
	row = row_of(&r->denials, parts, 4);
	line_init(&text, example, sizeof(example));
	line_add(&text, "%s %s", audit_entry_text(l, "method"), audit_entry_text(l, "target"));
	add_to_row(row, w);
	set_example(row, example);
}

static void detail_text(const json_t *detail, char *out, size_t cap)
{
	const char *text = json_string_value(json_object_get(detail, "text"));
	const char *target = json_string_value(json_object_get(detail, "target"));
	const char *resolved = json_string_value(json_object_get(detail, "resolved"));
	const char *field = json_string_value(json_object_get(detail, "field"));
	struct line l;

	line_init(&l, out, cap);
	line_add_cut(&l, span_of(text ? text : field ? field : ""));
	if (resolved && (!text || strcmp(resolved, text) != 0))
		line_add(&l, " (%s)", resolved);
	if (target && target[0])
		line_add(&l, " -> %s", target);
	if (json_is_true(json_object_get(detail, "read_only")))
		line_add(&l, " (ro)");
}

static void count_details(struct report *r, const struct weight *w, const char *subject)
{
	const json_t *list = json_object_get(w->line->object, "details");
	const json_t *detail;
	char text[600];
	size_t i;

	json_array_foreach (list, i, detail) {
		const char *power = json_string_value(json_object_get(detail, "power"));
		const char *parts[] = { power, subject, text };

		if (!power)
			continue;
		detail_text(detail, text, sizeof(text));
		add_to_row(row_of(&r->details, parts, 3), w);
	}
}

static void count_powers(struct report *r, const struct weight *w, const char *subject)
{
	const char *name;
	bool root = false;

	for (size_t i = 0; (name = audit_entry_word(w->line, "powers", i)); i++) {
		enum power p = power_find(span_of(name));
		const char *parts[] = { name, subject };

		if (p == POWER_COUNT)
			continue;
		r->asked[p] += w->times;
		if (w->denied || w->would)
			r->asked_denied[p] += w->times;
		if (power_info(p)->root == ROOT_NO || w->denied)
			continue;
		root = true;
		add_to_row(row_of(&r->roots, parts, 2), w);
	}
	if (root)
		count_details(r, w, subject);
}

/* --- the timeline ------------------------------------------------------------------------------*/

/* Two spans become one, until the second has a place. */
static void widen(struct report *r, int64_t seconds)
{
	while (seconds - r->start >= r->width * REPORT_SPANS) {
		for (size_t i = 0; i < REPORT_SPANS / 2; i++) {
			r->spans[i].allowed = r->spans[2 * i].allowed + r->spans[2 * i + 1].allowed;
			r->spans[i].denied = r->spans[2 * i].denied + r->spans[2 * i + 1].denied;
		}
		memset(r->spans + REPORT_SPANS / 2, 0, sizeof(r->spans) / 2);
		r->width *= 2;
	}
}

static void count_time(struct report *r, const struct weight *w)
{
	int64_t seconds = w->line->seconds;
	struct report_span *span;

	if (r->first[0] == '\0')
		r->start = seconds - seconds % 60;
	widen(r, seconds);
	/* Files that are given in the wrong order begin before their beginning. */
	span = &r->spans[seconds > r->start ? (seconds - r->start) / r->width : 0];
	if (w->denied)
		span->denied += w->times;
	else
		span->allowed += w->times;
	if (r->first[0] == '\0' || strcmp(w->line->time, r->first) < 0)
		text_copy(span_of(w->line->time), r->first, sizeof(r->first));
	if (strcmp(w->line->time, r->last) > 0)
		text_copy(span_of(w->line->time), r->last, sizeof(r->last));
}

/* --- lines -------------------------------------------------------------------------------------*/

static void count_decision(struct report *r, const struct audit_entry *l, uint64_t times)
{
	const char *subject = audit_entry_text(l, "subject");
	const char *operation = audit_entry_text(l, "operation");
	const char *parts[] = { subject, operation };
	const struct weight w = { .line = l,
		.times = times,
		.denied = strcmp(audit_entry_text(l, "verdict"), "deny") == 0,
		.would = audit_entry_text(l, "would")[0] != '\0',
		.write = strcmp(audit_entry_text(l, "access"), "write") == 0 };

	count_time(r, &w);
	r->decisions += times;
	r->denied += w.denied ? times : 0;
	r->would += w.would ? times : 0;
	r->writes += w.write ? times : 0;
	text_copy(span_of(audit_entry_text(l, "profile")), r->profile, sizeof(r->profile));
	r->monitor = strcmp(audit_entry_text(l, "mode"), "monitor") == 0;
	if (subject[0] == '\0') {
		r->unreadable += times;
		return;
	}
	add_to_row(row_of(&r->subjects, parts, 1), &w);
	add_to_row(row_of(&r->uses, parts, 2), &w);
	if (w.denied || w.would)
		count_denial(r, &w, subject);
	count_powers(r, &w, subject);
}

static void count_outcome(struct report *r, const struct audit_entry *l, uint64_t times)
{
	const struct weight w = { .line = l, .times = times };
	char status[8];
	struct line text;

	if (strcmp(audit_entry_text(l, "pair"), "exact") == 0)
		r->paired += times;
	line_init(&text, status, sizeof(status));
	line_add(&text, "%u", (unsigned)audit_entry_number(l, "status"));
	add_to_row(counter_row(&r->outcomes, status), &w);
}

void report_count(struct report *r, const struct audit_entry *l, uint64_t times)
{
	if (l->type == ENTRY_DECISION)
		count_decision(r, l, times);
	else if (l->type == ENTRY_OUTCOME)
		count_outcome(r, l, times);
}

/* --- the command -------------------------------------------------------------------------------*/

struct report_run {
	struct report report;
	struct audit_entry kept[KEPT]; /* a ring: a repeat names the id of its line */
	size_t next;
};

static const struct audit_entry *find_recent(const struct report_run *g, const char *id)
{
	for (size_t i = 1; i <= KEPT; i++) {
		const struct audit_entry *l = &g->kept[(g->next + KEPT - i) % KEPT];

		if (!l->object)
			return NULL;
		if (strcmp(l->id, id) == 0)
			return l;
	}
	return NULL;
}

static bool is_in_period(const struct report *r, const struct audit_entry *l)
{
	return (!r->since || strncmp(l->time, r->since, strlen(r->since)) >= 0) &&
		(!r->until || strncmp(l->time, r->until, strlen(r->until)) < 0);
}

/* Takes over the line's object. */
static void count_line(struct report_run *g, struct audit_entry *l)
{
	struct report *r = &g->report;
	const struct audit_entry *of;

	if (!is_in_period(r, l)) {
		json_decref(l->object);
		return;
	}
	if (l->type == ENTRY_DROPPED)
		r->dropped += l->count;
	if (l->type == ENTRY_REPEAT) {
		of = find_recent(g, audit_entry_text(l, "of"));
		if (of)
			report_count(r, of, l->count);
		else
			r->orphan_repeats += l->count;
	}
	report_count(r, l, 1);
	if (l->type != ENTRY_DECISION && l->type != ENTRY_OUTCOME) {
		json_decref(l->object);
		return;
	}
	json_decref(g->kept[g->next].object);
	g->kept[g->next] = *l;
	g->next = (g->next + 1) % KEPT;
}

static int read_file(struct report_run *g, const char *path, struct err *e)
{
	struct audit_reader *t = NULL;
	struct audit_entry l;
	int rc;

	if (audit_reader_open(path, &t, e) != 0)
		return -1;
	while ((rc = audit_reader_next(t, &l, e)) > 0)
		count_line(g, &l);
	g->report.truncated_lines += audit_reader_truncated(t);
	audit_reader_close(t);
	return rc;
}

static int make(struct report_run *g, char **paths, int count)
{
	struct err e;
	int rc = report_init(&g->report);

	if (rc != 0)
		err_set(&e, ENOMEM, "a report");
	for (int i = 0; rc == 0 && i < count; i++)
		rc = read_file(g, paths[i], &e);
	for (size_t i = 0; i < KEPT; i++)
		json_decref(g->kept[i].object);
	if (rc == 0 && report_page(&g->report, stdout) != 0)
		rc = FAIL(&e, errno, "the page");
	report_free(&g->report);
	if (rc == 0)
		return EXIT_FINE;
	(void)fprintf(stderr, "dsp report: %s\n", e.text);
	return EXIT_FINDINGS;
}

/* The first part of a time as a trail has it: "2026-11-25". A Z at its end says nothing more. */
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

static int run_report(int argc, char **argv)
{
	static const struct option options[] = { { "since", required_argument, NULL, 's' },
		{ "until", required_argument, NULL, 'u' },
		{ "title", required_argument, NULL, 't' }, { NULL, 0, NULL, 0 } };
	static char standard_input[] = "-";
	char *only[] = { standard_input };
	AUTO_MEM struct report_run *g = mem_array(1, sizeof(*g));
	int o;

	if (!g) {
		(void)fprintf(stderr, "dsp report: out of memory\n");
		return EXIT_FINDINGS;
	}
	g->report.title = "Docker, as dsp saw it";
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	while ((o = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		bool moment = o == 's' || o == 'u';

		if (moment && !parse_moment(optarg, o == 's' ? &g->report.since : &g->report.until))
			return command_usage("report",
				"%s: not a time in UTC, such as 2026-11-25T10:00", optarg);
		if (o == 't')
			g->report.title = optarg;
		else if (!moment)
			return command_usage(
				"report", "%s: unknown, or its value is missing", argv[optind - 1]);
	}
	return optind < argc ? make(g, argv + optind, argc - optind) : make(g, only, 1);
}

const struct command report_command = {
	.name = "report",
	.arguments = "[--since TIME] [--until TIME] [--title TEXT] [TRAIL...]",
	.run = run_report,
	.summary = "make a page (HTML) of an audit trail: who did what, what was refused and why",
	.help = "  --since TIME  only what was decided from then on: 2026-11-25, or 2026-11-25T10:00\n"
		"  --until TIME  and before then\n"
		"  --title TEXT  the page's title\n"
		"\n"
		"TRAIL are files of an audit trail, oldest first; - or none: standard input. The page goes\n"
		"to standard output. It needs nothing from elsewhere, and runs nothing.\n"
		"Status 0: made; 1: a line that is none of a trail, or a failure.\n",
};
