#include "report_chart.h"

#include <inttypes.h>
#include <time.h>

#include "dsp/core/base/text.h"
#include "html.h"

enum {
	HIGH = 120,      /* pixels of the highest bar */
	BARS_LEAST = 30, /* as many would fill the width: a few bars do not become wide */
	LABELS_MOST = 6,
};

/* Percent of the chart's width that a bar has, with the gap behind it. */
static double bar_width(const struct timeline *t)
{
	return 100.0 / (double)(t->used < BARS_LEAST ? BARS_LEAST : t->used);
}

enum { MINUTE = sizeof("2026-11-25 10:00"), DATE = sizeof("2026-11-25") };

/* Writes "2026-11-25 10:00". */
static void write_time(int64_t seconds, char room[MINUTE])
{
	time_t at = (time_t)seconds;
	struct tm t;

	if (!gmtime_r(&at, &t) || strftime(room, MINUTE, "%Y-%m-%d %H:%M", &t) == 0)
		room[0] = '\0';
}

static void print_width(int64_t seconds, FILE *out)
{
	if (seconds < 3600)
		html_count(out, (uint64_t)seconds / 60, "minute", "minutes");
	else if (seconds < 86400)
		html_count(out, (uint64_t)seconds / 3600, "hour", "hours");
	else
		html_count(out, (uint64_t)seconds / 86400, "day", "days");
}

/* At least 2 for one decision, which is then visible beside many others. */
static unsigned height(uint64_t n, uint64_t most)
{
	return n == 0 ? 0 : 2 + (unsigned)(n * (HIGH - 4) / most);
}

static void print_bar(const struct timeline *t, size_t i, uint64_t most, FILE *out)
{
	const struct timeline_span *s = &t->spans[i];
	unsigned denied = height(s->denied, most);
	unsigned allowed = height(s->allowed, most);
	char time[MINUTE];

	if (allowed + denied == 0)
		return;
	write_time(t->start + (int64_t)i * t->width, time);
	(void)fprintf(out, "<g><title>%s: %" PRIu64 " allowed, %" PRIu64 " denied</title>", time,
		s->allowed, s->denied);
	for (int k = 0; k < 2; k++) {
		unsigned high = k == 0 ? allowed : denied;

		if (high > 0)
			(void)fprintf(out,
				"<rect class=%s x=\"%.2f%%\" y=%u width=\"%.2f%%\" height=%u>"
				"</rect>",
				k == 0 ? "allowed" : "denied", (double)i * bar_width(t),
				HIGH - allowed - (k == 0 ? 0 : denied), bar_width(t) * 0.9, high);
	}
	(void)fputs("</g>\n", out);
}

/* The time between two labels: at most LABELS_MOST of them stand below the chart. */
static int64_t label_distance(const struct timeline *t)
{
	static const int64_t steps[] = { 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600 };
	int64_t all = (int64_t)(100.0 / bar_width(t)) * t->width;
	int64_t days = 1;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (all / steps[i] <= LABELS_MOST)
			return steps[i];
	}
	while (all / (days * 86400) > LABELS_MOST)
		days *= 2;
	return days * 86400;
}

static void print_labels(const struct timeline *t, FILE *out)
{
	int64_t distance = label_distance(t);
	int64_t end = t->start + (int64_t)t->used * t->width;
	int64_t at = t->start + (distance - t->start % distance) % distance;
	char label[MINUTE];

	for (; at <= end; at += distance) {
		double x = (double)(at - t->start) / (double)t->width * bar_width(t);

		if (x > 90)
			break;
		write_time(at, label);
		label[DATE - 1] = '\0';
		(void)fprintf(out,
			"<line class=axis x1=\"%.2f%%\" x2=\"%.2f%%\" y1=%d y2=%d></line>"
			"<text x=\"%.2f%%\" dx=4 y=%d>%s</text>\n",
			x, x, HIGH, HIGH + 20, x, HIGH + 18,
			at % 86400 == 0 ? label + 5 : label + DATE);
	}
}

void report_chart(const struct timeline *t, FILE *out)
{
	uint64_t most = 1;
	char begin[MINUTE];
	char end[MINUTE];

	if (t->used < 2)
		return;
	for (size_t i = 0; i < t->used; i++) {
		uint64_t n = t->spans[i].allowed + t->spans[i].denied;

		most = n > most ? n : most;
	}
	write_time(t->start, begin);
	write_time(t->start + (int64_t)t->used * t->width, end);
	(void)fputs("<section aria-labelledby=timeline><h2 id=timeline>When</h2>\n<p class=soft>"
		    "<span class=key>allowed</span><span class=\"key no\">denied</span> A bar is ",
		out);
	print_width(t->width, out);
	(void)fputs("; the highest has ", out);
	html_count(out, most, "decision", "decisions");
	(void)fprintf(out,
		".</p>\n<svg width=\"100%%\" height=%d role=img "
		"aria-label=\"Decisions from %s to %s UTC\">\n",
		HIGH + 24, begin, end);
	for (size_t i = 0; i < t->used; i++)
		print_bar(t, i, most, out);
	(void)fprintf(out, "<line class=axis x1=0 x2=\"%.2f%%\" y1=%d y2=%d></line>\n",
		(double)t->used * bar_width(t), HIGH, HIGH);
	print_labels(t, out);
	(void)fprintf(out, "</svg>\n<p class=soft>%s to %s UTC</p>\n</section>\n", begin, end);
}
