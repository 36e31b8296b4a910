#include "watch_view.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "audit_line.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/system/clock.h"

enum {
	COLUMNS_LEAST = 40,
	COLUMNS_MOST = 1000,
	TIME_WIDTH = sizeof("00:00:00"), /* with the blank behind it */
	INDENT = TIME_WIDTH + AUDIT_LINE_WORD + 2,
	LOST_MS = 1000,
	DENIALS_MOST = 500,
	DENIALS_SHOWN = 8,
};

/* --- lines -------------------------------------------------------------------------------------*/

static size_t text_width(const struct watch_view *s)
{
	return s->terminal ? s->columns - TIME_WIDTH : (size_t)AUDIT_LINE_MOST;
}

static void clear(struct watch_view *s)
{
	if (s->drawn)
		(void)fputs("\r\033[K", s->to);
	s->drawn = false;
}

static const char *const colours[] = { [SHADE_ALLOW] = "\033[32m",
	[SHADE_DENY] = "\033[1;31m",
	[SHADE_WOULD] = "\033[33m",
	[SHADE_OUTCOME] = "\033[2m" };

/* text begins with the word that has a colour. */
static void print(struct watch_view *s, int64_t seconds, enum shade shade, const char *text)
{
	time_t second = (time_t)seconds;
	struct tm t = { .tm_hour = 0 };

	clear(s);
	(void)localtime_r(&second, &t);
	(void)fprintf(s->to, "%02d:%02d:%02d %s%.*s%s%s", t.tm_hour, t.tm_min, t.tm_sec,
		s->colour ? colours[shade] : "", AUDIT_LINE_WORD, text, s->colour ? "\033[0m" : "",
		text + AUDIT_LINE_WORD);
}

/* Lines of words, each as long as the terminal is wide, below the line that they belong to. */
static void print_wrapped(struct watch_view *s, const char *why)
{
	size_t room = s->columns - INDENT;

	while (*why) {
		size_t n = strlen(why);

		if (n > room) {
			n = room;
			while (n > room / 2 && why[n] != ' ')
				n--;
			n = why[n] == ' ' ? n : room;
		}
		(void)fprintf(s->to, "%*s%.*s\n", INDENT, "", (int)n, why);
		why += n;
		why += strspn(why, " ");
	}
}

static void print_why(struct watch_view *s, const struct audit_line_text *t)
{
	bool fits = !s->terminal || strlen(t->main) + 2 + strlen(t->why) <= s->columns - TIME_WIDTH;

	if (t->why[0] != '\0' && fits)
		(void)fprintf(s->to, "  %s", t->why);
	(void)fputs("\n", s->to);
	if (!fits)
		print_wrapped(s, t->why);
}

/* What a line said again, without its reason. */
static void print_repeats(struct watch_view *s, struct repeat *f)
{
	char text[sizeof(struct audit_line_text) + 40];
	char count[40];
	struct span main = { f->text, span_find((struct span){ f->text, f->n }, '\n') };

	(void)snprintf(count, sizeof(count), "  (%llu time%s more)", (unsigned long long)f->count,
		f->count == 1 ? "" : "s");
	text_copy(main, text, sizeof(text) - sizeof(count));
	audit_line_cut(text, text_width(s) - strlen(count));
	print(s, (int64_t)(f->last_us / 1000000), audit_line_shade_of(text), text);
	(void)fprintf(s->to, "%s\n", count);
	repeat_clear(f);
}

static void report_repeats(struct watch_view *s, bool all)
{
	struct repeat *f;

	while ((f = repeat_filter_due(&s->folds, clock_date_us(), all)) != NULL)
		print_repeats(s, f);
}

static void print_line(struct watch_view *s, const struct audit_entry *l)
{
	static const struct repeat_source of = { "", "" };
	uint64_t now_us = clock_date_us();
	char key[sizeof(struct audit_line_text) + 40];
	struct audit_line_text t;
	struct repeat *f;
	int n;

	audit_line_write(l, text_width(s), &t);
	/* What differs where the line was cut is not the same. */
	n = snprintf(key, sizeof(key), "%s\n%s\n%llx", t.main, t.why,
		(unsigned long long)text_hash(span_of(audit_entry_text(l, "target"))));
	f = repeat_filter_find(&s->folds, (struct span){ key, (size_t)n }, now_us);
	if (f) {
		repeat_count(f, now_us);
		return;
	}
	f = repeat_filter_oldest(&s->folds);
	if (f->count > 0)
		print_repeats(s, f);
	print(s, l->seconds, audit_line_shade(l), t.main);
	print_why(s, &t);
	repeat_filter_add(&s->folds, (struct span){ key, (size_t)n }, &of, now_us);
}

/* --- counting ----------------------------------------------------------------------------------*/

static void count_denial(struct watch_view *s, const struct audit_entry *l)
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
	row = counter_row(&s->denials, key);
	row->n[COUNTER_DENIED]++;
	audit_line_printable(l, "message", why, AUDIT_LINE_WHY);
	if (row->key && !row->example)
		row->example = mem_copy(why, strlen(why));
}

static void count_decision(struct watch_view *s, const struct audit_entry *l)
{
	enum shade shade = audit_line_shade(l);
	uint64_t generation = audit_entry_number(l, "generation");
	char profile[AUDIT_LINE_NAME + 1];

	if (s->generation > 0 && s->generation != generation)
		watch_view_note(s, "other settings are in force: generation %llu, profile %s%s",
			(unsigned long long)generation,
			audit_line_escaped(l, "profile", profile, AUDIT_LINE_NAME),
			strcmp(audit_entry_text(l, "mode"), "monitor") == 0 ? ", MONITOR MODE"
									    : "");
	s->generation = generation;
	s->decisions++;
	s->denied += shade == SHADE_DENY;
	s->would += shade == SHADE_WOULD;
	if (shade != SHADE_ALLOW)
		count_denial(s, l);
}

void watch_view_line(struct watch_view *s, const struct audit_entry *l, bool shown)
{
	s->fresh = true;
	switch (l->type) {
	case ENTRY_DECISION:
		count_decision(s, l);
		break;
	case ENTRY_OUTCOME:
		shown = shown && s->outcomes;
		break;
	case ENTRY_DROPPED:
		s->lost += l->count;
		s->lost_decisions += audit_entry_number(l, "decisions");
		return;
	case ENTRY_REPEAT:
		return; /* dsp folds nothing for those who look on */
	}
	if (shown)
		print_line(s, l);
}

/* "12 decisions: 10 allowed, 2 denied" */
static void write_counts(const struct watch_view *s, struct line *l)
{
	line_add(l, "%llu decisions: %llu allowed, %llu denied", (unsigned long long)s->decisions,
		(unsigned long long)(s->decisions - s->denied - s->would),
		(unsigned long long)s->denied);
	if (s->would > 0)
		line_add(l, ", %llu would be denied", (unsigned long long)s->would);
	if (s->lost_decisions > 0)
		line_add(l, ", %llu LOST", (unsigned long long)s->lost_decisions);
}

/* --- the terminal ------------------------------------------------------------------------------*/

void watch_view_measure(struct watch_view *s)
{
	struct winsize size = { .ws_col = 0 };
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	const char *columns = getenv("COLUMNS");

	s->columns = 80;
	if (columns)
		s->columns = (unsigned)strtoul(columns, NULL, 10);
	if (ioctl(fileno(s->to), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		s->columns = size.ws_col;
	if (s->columns < COLUMNS_LEAST)
		s->columns = COLUMNS_LEAST;
	if (s->columns > COLUMNS_MOST)
		s->columns = COLUMNS_MOST;
	s->at_drawn = UINT64_MAX;
}

/* In the last column nothing is written: some terminals then begin a line. */
static void draw(struct watch_view *s)
{
	char text[256];
	struct line l;

	if (s->drawn && s->decisions == s->at_drawn)
		return;
	line_init(&l, text, sizeof(text));
	line_add(&l, "-- ");
	write_counts(s, &l);
	line_add(&l, "; Ctrl-C ends --");
	audit_line_cut(text, s->columns - 1);
	clear(s);
	(void)fprintf(
		s->to, "%s%s%s", s->colour ? "\033[2m" : "", text, s->colour ? "\033[0m" : "");
	s->drawn = true;
	s->at_drawn = s->decisions;
}

static bool is_terminal(FILE *to)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	const char *term = getenv("TERM");

	return isatty(fileno(to)) == 1 && term && term[0] != '\0' && strcmp(term, "dumb") != 0;
}

/* --- begin, turn, end --------------------------------------------------------------------------*/

int watch_view_begin(struct watch_view *s, FILE *to, bool colour)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	const char *no_colour = getenv("NO_COLOR");

	*s = (struct watch_view){ .to = to, .terminal = is_terminal(to), .begun_at = clock_now() };
	s->colour = s->terminal && colour && !(no_colour && no_colour[0] != '\0');
	watch_view_measure(s);
	return counter_init(&s->denials, DENIALS_MOST);
}

void watch_view_note(struct watch_view *s, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (s->terminal)
		audit_line_cut(text, s->columns - 3);
	clear(s);
	(void)fprintf(s->to, "-- %s\n", text);
}

/* In a flood it is said once a second. */
static void report_lost(struct watch_view *s, bool all)
{
	uint64_t now = clock_now();

	if (s->lost == s->lost_reported || (!all && now < s->lost_reported_at + LOST_MS))
		return;
	watch_view_note(s, "%llu lines were lost, in all %llu decisions: they came too fast",
		(unsigned long long)(s->lost - s->lost_reported),
		(unsigned long long)s->lost_decisions);
	s->lost_reported = s->lost;
	s->lost_reported_at = now;
}

bool watch_view_refresh(struct watch_view *s)
{
	report_repeats(s, false);
	report_lost(s, false);
	if (s->terminal)
		draw(s);
	return fflush(s->to) == 0;
}

static void print_denials(struct watch_view *s, FILE *to)
{
	counter_sort(&s->denials, COUNTER_DENIED);
	for (size_t i = 0; i < s->denials.count && i < DENIALS_SHOWN; i++) {
		const struct counter_row *row = &s->denials.rows[i];
		char operation[AUDIT_LINE_NAME + 1];
		char subject[AUDIT_LINE_NAME + 1];

		(void)fprintf(to, "%8llu  %s by %s%s%s\n",
			(unsigned long long)row->n[COUNTER_DENIED],
			counter_part(row, 0, operation, sizeof(operation)),
			counter_part(row, 1, subject, sizeof(subject)),
			row->example && row->example[0] ? ": " : "",
			row->example ? row->example : "");
	}
	if (s->denials.count > DENIALS_SHOWN)
		(void)fprintf(
			to, "          and %zu kinds more\n", s->denials.count - DENIALS_SHOWN);
}

void watch_view_end(struct watch_view *s, FILE *summary)
{
	char text[256];
	struct line l;

	line_init(&l, text, sizeof(text));
	write_counts(s, &l);
	if (summary) {
		report_repeats(s, true);
		report_lost(s, true);
		clear(s);
		(void)fflush(s->to);
		(void)fprintf(summary, "-- %s; in %llu s\n", text,
			(unsigned long long)((clock_now() - s->begun_at) / 1000));
		print_denials(s, summary);
	}
	repeat_filter_free(&s->folds);
	counter_free(&s->denials);
}
