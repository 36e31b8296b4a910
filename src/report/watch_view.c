#include "watch_view.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "audit_line.h"
#include "dsp/config/output.h"
#include "dsp/core/base/duration.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/system/clock.h"

enum {
	COLUMNS_LEAST = 40,
	COLUMNS_MOST = 1000,
	TIME_WIDTH = sizeof("00:00:00"), /* with the blank behind it */
	INDENT = TIME_WIDTH + AUDIT_LINE_WORD + 2,
	LOST_MS = 1000, /* lost lines are reported at most so often */
	DENIALS_MOST = 500,
	DENIALS_SHOWN = 8,
	KEY_ROOM = sizeof(struct audit_line_text) + 40,
};

/* --- lines -------------------------------------------------------------------------------------*/

static size_t text_width(const struct watch_view *v)
{
	return v->terminal ? v->columns - TIME_WIDTH : (size_t)AUDIT_LINE_MOST;
}

static void clear_last_line(struct watch_view *v)
{
	if (v->drawn)
		(void)fputs("\r\033[K", v->to);
	v->drawn = false;
}

/* Prints a line without its end, at its local time; its first word in colour. */
static void print_text(struct watch_view *v, int64_t seconds, enum shade shade, const char *text)
{
	static const char *const colours[] = { [SHADE_ALLOW] = "\033[32m",
		[SHADE_DENY] = "\033[1;31m",
		[SHADE_WOULD] = "\033[33m",
		[SHADE_OUTCOME] = "\033[2m" };
	time_t second = (time_t)seconds;
	struct tm t = { .tm_hour = 0 };

	clear_last_line(v);
	(void)localtime_r(&second, &t);
	(void)fprintf(v->to, "%02d:%02d:%02d %s%.*s%s%s", t.tm_hour, t.tm_min, t.tm_sec,
		v->colour ? colours[shade] : "", AUDIT_LINE_WORD, text, v->colour ? "\033[0m" : "",
		text + AUDIT_LINE_WORD);
}

/* Ends a line with its reason: behind it, or else in lines of its own. */
static void print_why(struct watch_view *v, const struct audit_line_text *t)
{
	size_t room = v->columns - INDENT;
	const char *why = t->why;

	if (!v->terminal || strlen(t->main) + 2 + strlen(why) <= text_width(v)) {
		(void)fprintf(v->to, "%s%s\n", *why ? "  " : "", why);
		return;
	}
	(void)fputs("\n", v->to);
	while (*why) {
		size_t n = strlen(why);

		/* Breaks between words, unless that leaves half of the line empty. */
		if (n > room) {
			n = room;
			while (n > room / 2 && why[n] != ' ')
				n--;
			n = why[n] == ' ' ? n : room;
		}
		(void)fprintf(v->to, "%*s%.*s\n", INDENT, "", (int)n, why);
		why += n;
		why += strspn(why, " ");
	}
}

/* Prints how often a line was repeated, without its reason. */
static void print_repeats(struct watch_view *v, struct repeat *f)
{
	char text[KEY_ROOM];
	char count[40];
	struct span main = { f->text, span_find((struct span){ f->text, f->n }, '\n') };

	(void)snprintf(count, sizeof(count), "  (%llu time%s more)", (unsigned long long)f->count,
		f->count == 1 ? "" : "s");
	text_copy(main, text, sizeof(text) - sizeof(count));
	audit_line_cut(text, text_width(v) - strlen(count));
	print_text(v, (int64_t)(f->last_us / 1000000), audit_line_shade_of(text), text);
	(void)fprintf(v->to, "%s\n", count);
	repeat_clear(f);
}

static void print_line(struct watch_view *v, const struct audit_entry *l)
{
	static const struct repeat_source of = { "", "" };
	uint64_t now_us = clock_date_us();
	char room[KEY_ROOM];
	struct audit_line_text t;
	struct repeat *f;
	struct span key;

	audit_line_write(l, text_width(v), &t);
	/* Lines that differ only where they were cut are not repeats. */
	key = (struct span){ room,
		(size_t)snprintf(room, sizeof(room), "%s\n%s\n%llx", t.main, t.why,
			(unsigned long long)text_hash(span_of(audit_entry_text(l, "target")))) };
	f = repeat_filter_find(&v->repeats, key, now_us);
	if (f) {
		repeat_count(f, now_us);
		return;
	}
	f = repeat_filter_oldest(&v->repeats);
	if (f->count > 0)
		print_repeats(v, f);
	print_text(v, l->seconds, audit_line_shade(l), t.main);
	print_why(v, &t);
	repeat_filter_add(&v->repeats, key, &of, now_us);
}

void watch_view_note(struct watch_view *v, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (v->terminal)
		audit_line_cut(text, v->columns - 3);
	clear_last_line(v);
	(void)fprintf(v->to, "-- %s\n", text);
}

/* --- counting ----------------------------------------------------------------------------------*/

static void count_denial(struct watch_view *v, const struct audit_entry *l)
{
	char subject[AUDIT_LINE_NAME + 1];
	char operation[AUDIT_LINE_NAME + 1];
	char reason[AUDIT_LINE_NAME + 1];
	char why[AUDIT_LINE_WHY + 1];
	char key[3 * AUDIT_LINE_NAME + 8];
	struct counter_row *row;

	(void)snprintf(key, sizeof(key), "%s%c%s%c%s",
		audit_line_escaped(l, "operation", operation, AUDIT_LINE_NAME), COUNTER_SEPARATOR,
		audit_line_escaped(l, "subject", subject, AUDIT_LINE_NAME), COUNTER_SEPARATOR,
		audit_line_escaped(l, "reason", reason, AUDIT_LINE_NAME));
	row = counter_row(&v->denials, key);
	row->n[COUNTER_DENIED]++;
	audit_line_printable(l, "message", why, AUDIT_LINE_WHY);
	if (row->key && !row->example)
		row->example = mem_copy(why, strlen(why));
}

static void count_decision(struct watch_view *v, const struct audit_entry *l)
{
	enum shade shade = audit_line_shade(l);
	uint64_t generation = audit_entry_number(l, "generation");
	char profile[AUDIT_LINE_NAME + 1];

	if (v->generation > 0 && v->generation != generation)
		watch_view_note(v, "new settings are in force: generation %llu, profile %s%s",
			(unsigned long long)generation,
			audit_line_escaped(l, "profile", profile, AUDIT_LINE_NAME),
			strcmp(audit_entry_text(l, "mode"), "monitor") == 0 ? ", MONITOR MODE"
									    : "");
	v->generation = generation;
	v->decisions++;
	v->denied += shade == SHADE_DENY;
	v->would += shade == SHADE_WOULD;
	if (shade != SHADE_ALLOW)
		count_denial(v, l);
}

/* "grant g7f3k given for 15 min by bob: INC-4711" */
static void note_grant(struct watch_view *v, const struct audit_entry *l)
{
	char id[AUDIT_LINE_NAME + 1];
	char step[AUDIT_LINE_NAME + 1];
	char by[AUDIT_LINE_NAME + 1];
	char why[AUDIT_LINE_WHY + 1];
	char length[DURATION_ROOM];
	bool given = strcmp(audit_entry_text(l, "step"), "given") == 0;

	audit_line_printable(l, given ? "reason" : "why", why, AUDIT_LINE_WHY);
	watch_view_note(v, "grant %s %s%s%s%s%s%s%s",
		audit_line_escaped(l, "grant", id, AUDIT_LINE_NAME),
		audit_line_escaped(l, "step", step, AUDIT_LINE_NAME), given ? " for " : "",
		given ? duration_write_long(audit_entry_number(l, "seconds"), length) : "",
		audit_entry_text(l, "by")[0] != '\0' ? " by " : "",
		audit_line_escaped(l, "by", by, AUDIT_LINE_NAME), why[0] != '\0' ? ": " : "", why);
}

void watch_view_add(struct watch_view *v, const struct audit_entry *l, bool shown)
{
	v->fresh = true;
	switch (l->type) {
	case ENTRY_DECISION:
		count_decision(v, l);
		break;
	case ENTRY_ASKED:
		break;
	case ENTRY_OUTCOME:
		shown = shown && v->outcomes;
		break;
	case ENTRY_DROPPED:
		v->lost += l->count;
		v->lost_decisions += audit_entry_number(l, "decisions");
		return;
	case ENTRY_REPEAT:
		return; /* dspd sends watchers every decision */
	case ENTRY_GRANT:
		if (shown)
			note_grant(v, l);
		return;
	}
	if (shown)
		print_line(v, l);
}

/* Writes "12 decisions: 10 allowed, 2 denied". */
static void write_counts(const struct watch_view *v, struct line *l)
{
	line_add(l, "%llu decision%s: %llu allowed, %llu denied", (unsigned long long)v->decisions,
		v->decisions == 1 ? "" : "s",
		(unsigned long long)(v->decisions - v->denied - v->would),
		(unsigned long long)v->denied);
	if (v->would > 0)
		line_add(l, ", %llu would be denied", (unsigned long long)v->would);
	if (v->lost_decisions > 0)
		line_add(l, ", %llu LOST", (unsigned long long)v->lost_decisions);
}

/* --- begin, refresh, end -----------------------------------------------------------------------*/

void watch_view_measure(struct watch_view *v)
{
	struct winsize size = { .ws_col = 0 };
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	const char *columns = getenv("COLUMNS");

	v->columns = 80;
	if (columns)
		v->columns = (unsigned)strtoul(columns, NULL, 10);
	if (ioctl(fileno(v->to), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		v->columns = size.ws_col;
	if (v->columns < COLUMNS_LEAST)
		v->columns = COLUMNS_LEAST;
	if (v->columns > COLUMNS_MOST)
		v->columns = COLUMNS_MOST;
	v->at_drawn = UINT64_MAX;
}

int watch_view_begin(struct watch_view *v, FILE *to, bool colour)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	const char *term = getenv("TERM");

	*v = (struct watch_view){ .to = to, .begun_at = clock_now() };
	v->terminal = isatty(fileno(to)) == 1 && term && term[0] != '\0' &&
		strcmp(term, "dumb") != 0;
	v->colour = colour && output_has_color(to);
	watch_view_measure(v);
	return counter_init(&v->denials, DENIALS_MOST);
}

/* Prints repeats whose second is over, and what was lost; with all: everything. */
static void print_due(struct watch_view *v, bool all)
{
	uint64_t now = clock_now();
	struct repeat *f;

	while ((f = repeat_filter_due(&v->repeats, clock_date_us(), all)) != NULL)
		print_repeats(v, f);
	if (v->lost == v->lost_reported || (!all && now < v->lost_reported_at + LOST_MS))
		return;
	watch_view_note(v, "%llu lines were lost, in all %llu decisions: they came too fast",
		(unsigned long long)(v->lost - v->lost_reported),
		(unsigned long long)v->lost_decisions);
	v->lost_reported = v->lost;
	v->lost_reported_at = now;
}

bool watch_view_refresh(struct watch_view *v)
{
	char text[256];
	struct line l;

	print_due(v, false);
	if (v->terminal && (!v->drawn || v->decisions != v->at_drawn)) {
		line_init(&l, text, sizeof(text));
		line_add(&l, "-- ");
		write_counts(v, &l);
		line_add(&l, "; Ctrl-C ends --");
		/* Some terminals begin a new line after a byte in the last column. */
		audit_line_cut(text, v->columns - 1);
		clear_last_line(v);
		(void)fprintf(v->to, "%s%s%s", v->colour ? "\033[2m" : "", text,
			v->colour ? "\033[0m" : "");
		v->drawn = true;
		v->at_drawn = v->decisions;
	}
	return fflush(v->to) == 0;
}

static void print_denials(struct watch_view *v, FILE *to)
{
	counter_sort(&v->denials, COUNTER_DENIED);
	for (size_t i = 0; i < v->denials.count && i < DENIALS_SHOWN; i++) {
		const struct counter_row *row = &v->denials.rows[i];
		char operation[AUDIT_LINE_NAME + 1];
		char subject[AUDIT_LINE_NAME + 1];

		(void)fprintf(to, "%8llu  %s by %s%s%s\n",
			(unsigned long long)row->n[COUNTER_DENIED],
			counter_part(row, 0, operation, sizeof(operation)),
			counter_part(row, 1, subject, sizeof(subject)),
			row->example && row->example[0] ? ": " : "",
			row->example ? row->example : "");
	}
	if (v->denials.count > DENIALS_SHOWN)
		(void)fprintf(
			to, "          and %zu kinds more\n", v->denials.count - DENIALS_SHOWN);
}

void watch_view_end(struct watch_view *v, FILE *summary)
{
	char text[256];
	struct line l;

	line_init(&l, text, sizeof(text));
	write_counts(v, &l);
	if (summary) {
		print_due(v, true);
		clear_last_line(v);
		(void)fflush(v->to);
		(void)fprintf(summary, "-- %s; in %llu s\n", text,
			(unsigned long long)((clock_now() - v->begun_at) / 1000));
		print_denials(v, summary);
	}
	repeat_filter_free(&v->repeats);
	counter_free(&v->denials);
}
