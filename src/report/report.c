#include "report.h"

#include <errno.h>
#include <string.h>

#include "dsp/config/command.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"

enum {
	SUBJECTS_MOST = 2000,
	ROWS_MOST = 20000,
	RECENT = 8192, /* lines that a repeat may still name: those of some seconds */
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

/* How one entry counts, in every row that it belongs to. */
struct weight {
	const struct audit_entry *entry;
	uint64_t times;
	bool denied;
	bool would; /* be denied, but for monitor mode */
	bool write;
};

static void add_to_row(struct counter_row *row, const struct weight *w)
{
	row->n[COUNTER_ALL] += w->times;
	row->n[COUNTER_DENIED] += w->denied ? w->times : 0;
	row->n[COUNTER_WOULD] += w->would ? w->times : 0;
	row->n[COUNTER_WRITES] += w->write ? w->times : 0;
	if (strcmp(w->entry->time, row->last) > 0)
		text_copy(span_of(w->entry->time), row->last, sizeof(row->last));
}

/* Counts an entry in the row whose key has these parts. */
static struct counter_row *count_in(
	struct counter *t, const char *const *parts, size_t count, const struct weight *w)
{
	char key[KEY_MOST];
	struct counter_row *row;
	struct line l;

	line_init(&l, key, sizeof(key));
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			line_add(&l, "%c", COUNTER_SEPARATOR);
		line_add_cut(&l, span_of(parts[i]));
	}
	row = counter_row(t, key);
	add_to_row(row, w);
	return row;
}

/* Writes the rule that decided, or else the flags of the closed powers, or else the flag. */
static void write_decider(const struct audit_entry *l, char *out, size_t cap)
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

static void count_denial(struct report *r, const struct weight *w, const char *subject)
{
	const struct audit_entry *l = w->entry;
	char by[400];
	const char *parts[] = { audit_entry_text(l, "reason"), audit_entry_text(l, "decided_by"),
		by, subject };
	struct counter_row *row;
	char example[400];
	struct line text;

	write_decider(l, by, sizeof(by));
	row = count_in(&r->denials, parts, 4, w);
	line_init(&text, example, sizeof(example));
	line_add(&text, "%s %s", audit_entry_text(l, "method"), audit_entry_text(l, "target"));
	if (row->example && strcmp(row->example, example) == 0)
		return;
	mem_free(row->example);
	row->example = mem_copy(example, strlen(example));
}

/* Writes "/var/lib (/data/lib) -> /target (ro)". */
static void write_detail(const json_t *detail, char *out, size_t cap)
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
	const json_t *detail;
	char text[600];
	size_t i;

	json_array_foreach (json_object_get(w->entry->object, "details"), i, detail) {
		const char *power = json_string_value(json_object_get(detail, "power"));
		const char *parts[] = { power, subject, text };

		if (!power)
			continue;
		write_detail(detail, text, sizeof(text));
		(void)count_in(&r->details, parts, 3, w);
	}
}

static void count_powers(struct report *r, const struct weight *w, const char *subject)
{
	const char *name;
	bool root = false;

	for (size_t i = 0; (name = audit_entry_word(w->entry, "powers", i)); i++) {
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
		(void)count_in(&r->roots, parts, 2, w);
	}
	if (root)
		count_details(r, w, subject);
}

static void count_time(struct report *r, const struct weight *w)
{
	const char *time = w->entry->time;
	int64_t seconds = w->entry->seconds;
	struct report_span *span;

	if (r->first[0] == '\0')
		r->start = seconds - seconds % 60;
	/* Halves the timeline's resolution until this time has a place. */
	while (seconds - r->start >= r->width * REPORT_SPANS) {
		for (size_t i = 0; i < REPORT_SPANS / 2; i++) {
			r->spans[i].allowed = r->spans[2 * i].allowed + r->spans[2 * i + 1].allowed;
			r->spans[i].denied = r->spans[2 * i].denied + r->spans[2 * i + 1].denied;
		}
		memset(r->spans + REPORT_SPANS / 2, 0, sizeof(r->spans) / 2);
		r->width *= 2;
	}
	/* Files in the wrong order have times before the start: these count there. */
	span = &r->spans[seconds > r->start ? (seconds - r->start) / r->width : 0];
	*(w->denied ? &span->denied : &span->allowed) += w->times;
	if (r->first[0] == '\0' || strcmp(time, r->first) < 0)
		text_copy(span_of(time), r->first, sizeof(r->first));
	if (strcmp(time, r->last) > 0)
		text_copy(span_of(time), r->last, sizeof(r->last));
}

static void count_decision(struct report *r, const struct audit_entry *l, uint64_t times)
{
	const char *subject = audit_entry_text(l, "subject");
	const char *parts[] = { subject, audit_entry_text(l, "operation") };
	const struct weight w = { .entry = l,
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
	(void)count_in(&r->subjects, parts, 1, &w);
	(void)count_in(&r->uses, parts, 2, &w);
	if (w.denied || w.would)
		count_denial(r, &w, subject);
	count_powers(r, &w, subject);
}

void report_count(struct report *r, const struct audit_entry *l, uint64_t times)
{
	const struct weight w = { .entry = l, .times = times };
	char status[16];

	if (l->type == ENTRY_DECISION)
		count_decision(r, l, times);
	if (l->type != ENTRY_OUTCOME)
		return;
	if (strcmp(audit_entry_text(l, "pair"), "exact") == 0)
		r->paired += times;
	(void)snprintf(status, sizeof(status), "%u", (unsigned)audit_entry_number(l, "status"));
	add_to_row(counter_row(&r->outcomes, status), &w);
}

/* --- the command -------------------------------------------------------------------------------*/

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

/* Prints the page about some audit logs; returns the exit status. */
static int print_report(struct report_run *g, char **paths, int count)
{
	struct err e;
	int rc = report_init(&g->report);

	if (rc != 0)
		err_set(&e, ENOMEM, "a report");
	if (rc == 0 && count == 0)
		rc = count_log(g, "-", &e);
	for (int i = 0; rc == 0 && i < count; i++)
		rc = count_log(g, paths[i], &e);
	for (size_t i = 0; i < RECENT; i++)
		json_decref(g->recent[i].object);
	if (rc == 0 && report_page(&g->report, stdout) != 0)
		rc = FAIL(&e, errno, "the page");
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
	{ NULL, 0, NULL, 0 } };

static int run_report(int argc, char **argv)
{
	AUTO_MEM struct report_run *g = mem_array(1, sizeof(*g));
	int o;

	if (!g) {
		(void)fprintf(stderr, "dsp report: out of memory\n");
		return EXIT_FINDINGS;
	}
	g->report.title = "Docker, as dsp saw it";
	while ((o = command_option(&report_command, argc, argv)) != -1) {
		bool moment = o == 's' || o == 'u';

		if (moment && !parse_moment(optarg, o == 's' ? &g->report.since : &g->report.until))
			return command_usage("report",
				"%s: not a time in UTC, such as 2026-11-25T10:00", optarg);
		if (o == 't')
			g->report.title = optarg;
		else if (!moment)
			return EXIT_USAGE;
	}
	return print_report(g, argv + optind, argc - optind);
}

const struct command report_command = {
	.name = "report",
	.arguments = "[--since TIME] [--until TIME] [--title TEXT] [TRAIL...]",
	.run = run_report,
	.options = options,
	.summary = "make an HTML page of an audit log: who did what, what was denied and why",
	.help = "  --since TIME  only what was decided from then on: 2026-11-25, or 2026-11-25T10:00\n"
		"  --until TIME  and before then\n"
		"  --title TEXT  the page's title\n"
		"\n"
		"TRAIL are files of an audit trail, oldest first; - or none: standard input. The page goes\n"
		"to standard output. It needs nothing from elsewhere, and runs nothing.\n"
		"Status 0: made; 1: a line that is none of a trail, or a failure.\n",
};
