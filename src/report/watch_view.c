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
	INDENT = TIME_WIDTH + SENTENCE_WORD + 2,
	LOST_MS = 1000,
	DENIALS_MOST = 500,
	DENIALS_SHOWN = 8,
};

/* --- lines -------------------------------------------------------------------------------------*/

static size_t room_of(const struct show *s)
{
	return s->terminal ? s->columns - TIME_WIDTH : (size_t)SENTENCE_MOST;
}

static void clear(struct show *s)
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
static void print(struct show *s, int64_t seconds, enum shade shade, const char *text)
{
	time_t second = (time_t)seconds;
	struct tm t = { .tm_hour = 0 };

	clear(s);
	(void)localtime_r(&second, &t);
	(void)fprintf(s->to, "%02d:%02d:%02d %s%.*s%s%s", t.tm_hour, t.tm_min, t.tm_sec,
		s->colour ? colours[shade] : "", SENTENCE_WORD, text, s->colour ? "\033[0m" : "",
		text + SENTENCE_WORD);
}

/* Lines of words, each as long as the terminal is wide, below the line that they belong to. */
static void print_wrapped(struct show *s, const char *why)
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

static void print_why(struct show *s, const struct sentence *t)
{
	bool fits = !s->terminal || strlen(t->main) + 2 + strlen(t->why) <= s->columns - TIME_WIDTH;

	if (t->why[0] != '\0' && fits)
		(void)fprintf(s->to, "  %s", t->why);
	(void)fputs("\n", s->to);
	if (!fits)
		print_wrapped(s, t->why);
}

/* What a line said again, without its reason. */
static void print_repeats(struct show *s, struct fold *f)
{
	char text[sizeof(struct sentence) + 40];
	char count[40];
	struct span main = { f->text, span_find((struct span){ f->text, f->n }, '\n') };

	(void)snprintf(count, sizeof(count), "  (%llu time%s more)", (unsigned long long)f->count,
		f->count == 1 ? "" : "s");
	text_copy(main, text, sizeof(text) - sizeof(count));
	sentence_cut(text, room_of(s) - strlen(count));
	print(s, (int64_t)(f->last_us / 1000000), sentence_shade_of(text), text);
	(void)fprintf(s->to, "%s\n", count);
	fold_end(f);
}

static void tell_repeats(struct show *s, bool all)
{
	struct fold *f;

	while ((f = folds_due(&s->folds, clock_date_us(), all)) != NULL)
		print_repeats(s, f);
}

static void print_line(struct show *s, const struct trail_line *l)
{
	static const struct fold_of of = { "", "" };
	uint64_t now_us = clock_date_us();
	char key[sizeof(struct sentence) + 40];
	struct sentence t;
	struct fold *f;
	int n;

	sentence_write(l, room_of(s), &t);
	/* What differs where the line was cut is not the same. */
	n = snprintf(key, sizeof(key), "%s\n%s\n%llx", t.main, t.why,
		(unsigned long long)text_hash(span_of(trail_text(l, "target"))));
	f = folds_find(&s->folds, (struct span){ key, (size_t)n }, now_us);
	if (f) {
		fold_count(f, now_us);
		return;
	}
	f = folds_place(&s->folds);
	if (f->count > 0)
		print_repeats(s, f);
	print(s, l->seconds, sentence_shade(l), t.main);
	print_why(s, &t);
	folds_begin(&s->folds, (struct span){ key, (size_t)n }, &of, now_us);
}

/* --- counting ----------------------------------------------------------------------------------*/

static void count_denial(struct show *s, const struct trail_line *l)
{
	char subject[SENTENCE_NAME + 1];
	char operation[SENTENCE_NAME + 1];
	char reason[SENTENCE_NAME + 1];
	char why[SENTENCE_WHY + 1];
	char key[3 * SENTENCE_NAME + 8];
	struct tally_row *row;

	(void)snprintf(key, sizeof(key), "%s%c%s%c%s",
		sentence_escaped(l, "operation", operation, SENTENCE_NAME), TALLY_SEPARATOR,
		sentence_escaped(l, "subject", subject, SENTENCE_NAME), TALLY_SEPARATOR,
		sentence_escaped(l, "reason", reason, SENTENCE_NAME));
	row = tally_row(&s->denials, key);
	row->n[TALLY_DENIED]++;
	sentence_said(l, "message", why, SENTENCE_WHY);
	if (row->key && !row->example)
		row->example = mem_copy(why, strlen(why));
}

static void count_decision(struct show *s, const struct trail_line *l)
{
	enum shade shade = sentence_shade(l);
	uint64_t generation = trail_number(l, "generation");
	char profile[SENTENCE_NAME + 1];

	if (s->generation > 0 && s->generation != generation)
		show_note(s, "other settings are in force: generation %llu, profile %s%s",
			(unsigned long long)generation,
			sentence_escaped(l, "profile", profile, SENTENCE_NAME),
			strcmp(trail_text(l, "mode"), "monitor") == 0 ? ", MONITOR MODE" : "");
	s->generation = generation;
	s->decisions++;
	s->denied += shade == SHADE_DENY;
	s->would += shade == SHADE_WOULD;
	if (shade != SHADE_ALLOW)
		count_denial(s, l);
}

void show_line(struct show *s, const struct trail_line *l, bool shown)
{
	s->fresh = true;
	switch (l->type) {
	case TRAIL_DECISION:
		count_decision(s, l);
		break;
	case TRAIL_OUTCOME:
		shown = shown && s->outcomes;
		break;
	case TRAIL_DROPPED:
		s->lost += l->count;
		s->lost_decisions += trail_number(l, "decisions");
		return;
	case TRAIL_REPEAT:
		return; /* dsp folds nothing for those who look on */
	}
	if (shown)
		print_line(s, l);
}

/* "12 decisions: 10 allowed, 2 denied" */
static void write_counts(const struct show *s, struct line *l)
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

void show_measure(struct show *s)
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
static void draw(struct show *s)
{
	char text[256];
	struct line l;

	if (s->drawn && s->decisions == s->at_drawn)
		return;
	line_init(&l, text, sizeof(text));
	line_add(&l, "-- ");
	write_counts(s, &l);
	line_add(&l, "; Ctrl-C ends --");
	sentence_cut(text, s->columns - 1);
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

int show_begin(struct show *s, FILE *to, bool colour)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	const char *no_colour = getenv("NO_COLOR");

	*s = (struct show){ .to = to, .terminal = is_terminal(to), .begun_at = clock_now() };
	s->colour = s->terminal && colour && !(no_colour && no_colour[0] != '\0');
	show_measure(s);
	return tally_init(&s->denials, DENIALS_MOST);
}

void show_note(struct show *s, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (s->terminal)
		sentence_cut(text, s->columns - 3);
	clear(s);
	(void)fprintf(s->to, "-- %s\n", text);
}

/* In a flood it is said once a second. */
static void tell_lost(struct show *s, bool all)
{
	uint64_t now = clock_now();

	if (s->lost == s->lost_told || (!all && now < s->told_at + LOST_MS))
		return;
	show_note(s, "%llu lines were lost, in all %llu decisions: they came too fast",
		(unsigned long long)(s->lost - s->lost_told),
		(unsigned long long)s->lost_decisions);
	s->lost_told = s->lost;
	s->told_at = now;
}

bool show_turn(struct show *s)
{
	tell_repeats(s, false);
	tell_lost(s, false);
	if (s->terminal)
		draw(s);
	return fflush(s->to) == 0;
}

static void print_denials(struct show *s, FILE *to)
{
	tally_sort(&s->denials, TALLY_DENIED);
	for (size_t i = 0; i < s->denials.count && i < DENIALS_SHOWN; i++) {
		const struct tally_row *row = &s->denials.rows[i];
		char operation[SENTENCE_NAME + 1];
		char subject[SENTENCE_NAME + 1];

		(void)fprintf(to, "%8llu  %s by %s%s%s\n", (unsigned long long)row->n[TALLY_DENIED],
			tally_part(row, 0, operation, sizeof(operation)),
			tally_part(row, 1, subject, sizeof(subject)),
			row->example && row->example[0] ? ": " : "",
			row->example ? row->example : "");
	}
	if (s->denials.count > DENIALS_SHOWN)
		(void)fprintf(
			to, "          and %zu kinds more\n", s->denials.count - DENIALS_SHOWN);
}

void show_end(struct show *s, FILE *summary)
{
	char text[256];
	struct line l;

	line_init(&l, text, sizeof(text));
	write_counts(s, &l);
	if (summary) {
		tell_repeats(s, true);
		tell_lost(s, true);
		clear(s);
		(void)fflush(s->to);
		(void)fprintf(summary, "-- %s; in %llu s\n", text,
			(unsigned long long)((clock_now() - s->begun_at) / 1000));
		print_denials(s, summary);
	}
	folds_free(&s->folds);
	tally_free(&s->denials);
}
