#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "dsp/core/base/text.h"
#include "dsp/core/base/version.h"
#include "dsp/core/policy/settings.h"
#include "html.h"

static const char *const css[] = {
#include "report_css.h"
};

enum {
	SHOWN = 50,   /* rows of a table; what is left out is told */
	BAR_WIDE = 9, /* of the timeline, in its own units */
	BAR_STEP = 10,
	HIGH = 120,
	ROOM = 600,
};

/* --- pieces ------------------------------------------------------------------------------------*/

static void code(FILE *out, const char *text)
{
	(void)fputs("<code>", out);
	html_text(out, text);
	(void)fputs("</code>", out);
}

/* A cell: its text, and what the column is called, for narrow screens. */
static void cell(FILE *out, const char *column, const char *text)
{
	(void)fprintf(out, "<td data-as=\"%s\">", column);
	code(out, text);
	(void)fputs("</td>", out);
}

static void number(FILE *out, const char *column, uint64_t n)
{
	(void)fprintf(out, "<td class=n data-as=\"%s\">%" PRIu64 "</td>", column, n);
}

/* "2026-11-25 10:00:00": to the second, which is enough for a reader. */
static void moment(FILE *out, const char *time)
{
	if (strlen(time) >= 19)
		(void)fprintf(out, "%.10s %.8s", time, time + 11);
}

static void when(FILE *out, const char *time)
{
	(void)fputs("<td class=t data-as=\"last\">", out);
	moment(out, time);
	(void)fputs("</td>", out);
}

/* columns: "name|name|#name": with # numbers. */
static void table_begin(FILE *out, const char *caption, const char *columns)
{
	struct span rest = span_of(columns);

	(void)fprintf(
		out, "<div class=wide><table class=rows><caption>%s</caption><thead><tr>", caption);
	while (rest.n > 0) {
		size_t n = span_find(rest, '|');
		bool is_number = rest.s[0] == '#';

		(void)fprintf(out, "<th scope=col%s>%.*s</th>", is_number ? " class=n" : "",
			(int)(n - is_number), rest.s + is_number);
		rest = span_after(rest, n < rest.n ? n + 1 : n);
	}
	(void)fputs("</tr></thead><tbody>\n", out);
}

static void table_end(FILE *out, const struct counter *t)
{
	uint64_t n = t->others.n[COUNTER_ALL];

	for (size_t i = SHOWN; i < t->count; i++)
		n += t->rows[i].n[COUNTER_ALL];
	(void)fputs("</tbody></table></div>\n", out);
	if (n > 0)
		(void)fprintf(
			out, "<p class=soft>And %" PRIu64 " in rows that are not shown.</p>\n", n);
}

static size_t shown(const struct counter *t)
{
	return t->count < SHOWN ? t->count : SHOWN;
}

static void heading(FILE *out, const char *id, const char *text)
{
	(void)fprintf(out, "<section aria-labelledby=\"%s\"><h2 id=\"%s\">%s</h2>\n", id, id, text);
}

static void section_end(FILE *out)
{
	(void)fputs("</section>\n", out);
}

/* --- the head ----------------------------------------------------------------------------------*/

static int head(const struct report *r, FILE *out)
{
	unsigned char random[16];
	char nonce[2 * sizeof(random) + 1];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -1;
	for (size_t i = 0; i < sizeof(random); i++)
		(void)snprintf(nonce + 2 * i, 3, "%02x", random[i]);
	(void)fprintf(out,
		"<!doctype html>\n<html lang=en><head><meta charset=utf-8>\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		"style-src 'nonce-%s'; base-uri 'none'; form-action 'none'\">\n"
		"<meta name=viewport content=\"width=device-width, initial-scale=1\">\n"
		"<meta name=referrer content=no-referrer>\n<title>",
		nonce);
	html_text(out, r->title);
	(void)fprintf(out, "</title>\n<style nonce=\"%s\">\n", nonce);
	for (size_t i = 0; i < sizeof(css) / sizeof(css[0]); i++)
		(void)fputs(css[i], out);
	(void)fputs("</style></head>\n<body><header><h1>", out);
	html_text(out, r->title);
	(void)fputs("</h1>\n", out);
	return 0;
}

static void figure(FILE *out, uint64_t n, const char *what, const char *class)
{
	(void)fprintf(out, "<li><b%s>%" PRIu64 "</b> %s</li>\n", n > 0 ? class : "", n, what);
}

static uint64_t root_uses(const struct report *r)
{
	uint64_t n = r->roots.others.n[COUNTER_ALL];
	char power[64];

	for (size_t i = 0; i < r->roots.count; i++) {
		(void)counter_part(&r->roots.rows[i], 0, power, sizeof(power));
		for (size_t p = 0; p < POWER_COUNT; p++) {
			const struct power_info *info = power_info((enum power)p);

			if (info->root == ROOT_DIRECT && strcmp(info->name, power) == 0)
				n += r->roots.rows[i].n[COUNTER_ALL];
		}
	}
	return n;
}

static void summary(const struct report *r, FILE *out)
{
	if (r->decisions == 0) {
		(void)fputs("<p>No decision is in this trail.</p></header><main>\n", out);
		return;
	}
	(void)fputs("<p class=soft>", out);
	moment(out, r->first);
	(void)fputs(" to ", out);
	moment(out, r->last);
	(void)fputs(" UTC, profile ", out);
	html_text(out, r->profile);
	(void)fputs(r->monitor
			? ", <strong class=deny>monitor mode: nothing is refused</strong>.</p>\n"
			: ".</p>\n",
		out);
	(void)fputs("<ul class=numbers>\n", out);
	figure(out, r->decisions, "decisions", "");
	figure(out, r->denied, "refused", " class=deny");
	if (r->would > 0)
		figure(out, r->would, "would be refused", " class=deny");
	figure(out, r->writes, "changes", "");
	figure(out, r->subjects.count,
		r->subjects.others.n[COUNTER_ALL] ? "clients, and more" : "clients", "");
	figure(out, root_uses(r), "uses of direct ways to root", " class=deny");
	(void)fputs("</ul></header><main>\n", out);
}

/* What the trail does not tell. */
static void completeness(const struct report *r, FILE *out)
{
	if (r->dropped > 0)
		(void)fprintf(out,
			"<p class=note>%" PRIu64
			" lines are missing: the trail was full when they were to be written.</p>\n",
			r->dropped);
	if (r->orphan_repeats > 0)
		(void)fprintf(out,
			"<p class=note>%" PRIu64
			" repeats are of lines before the first one here, and are not counted.</p>\n",
			r->orphan_repeats);
	if (r->truncated_lines > 0)
		(void)fprintf(out,
			"<p class=note>%u line%s cut off: dsp or the machine died in the middle of "
			"a line. What is left of one is not counted.</p>\n",
			r->truncated_lines, r->truncated_lines == 1 ? " is" : "s are");
	if (r->unreadable > 0)
		(void)fprintf(out,
			"<p class=note>%" PRIu64
			" questions of dockerd could not be read, and were refused.</p>\n",
			r->unreadable);
}

/* --- the timeline ------------------------------------------------------------------------------*/

static void span_moment(const struct report *r, size_t i, char *room, size_t cap)
{
	time_t at = (time_t)(r->start + (int64_t)i * r->width);
	struct tm t;

	if (!gmtime_r(&at, &t) || strftime(room, cap, "%Y-%m-%d %H:%M", &t) == 0)
		text_copy(SPAN("?"), room, cap);
}

/* Anything at all is seen. */
static unsigned height(uint64_t n, uint64_t most)
{
	return n == 0 ? 0 : 2 + (unsigned)(n * (HIGH - 4) / most);
}

static void bar(const struct report *r, size_t i, uint64_t most, FILE *out)
{
	const struct report_span *s = &r->spans[i];
	unsigned denied = height(s->denied, most);
	unsigned allowed = height(s->allowed, most);
	char time[32];

	span_moment(r, i, time, sizeof(time));
	(void)fprintf(out, "<g><title>%s: %" PRIu64 " allowed, %" PRIu64 " refused</title>", time,
		s->allowed, s->denied);
	if (allowed > 0)
		(void)fprintf(out, "<rect class=allowed x=%zu y=%u width=%d height=%u></rect>",
			i * BAR_STEP, (unsigned)HIGH - allowed, BAR_WIDE, allowed);
	if (denied > 0)
		(void)fprintf(out, "<rect class=denied x=%zu y=%u width=%d height=%u></rect>",
			i * BAR_STEP, (unsigned)HIGH - allowed - denied, BAR_WIDE, denied);
	(void)fputs("</g>\n", out);
}

static const char *width_words(int64_t seconds, char *room, size_t cap)
{
	struct line l;

	line_init(&l, room, cap);
	if (seconds < 3600)
		line_add(&l, "%" PRId64 " min", seconds / 60);
	else if (seconds < 48 * 3600)
		line_add(&l, "%.1f hours", (double)seconds / 3600);
	else
		line_add(&l, "%.1f days", (double)seconds / 86400);
	return room;
}

static void timeline(const struct report *r, FILE *out)
{
	uint64_t most = 1;
	size_t used = 1;
	char width[32];
	char begin[32];
	char end[32];

	for (size_t i = 0; i < REPORT_SPANS; i++) {
		uint64_t n = r->spans[i].allowed + r->spans[i].denied;

		most = n > most ? n : most;
		used = n > 0 ? i + 1 : used;
	}
	span_moment(r, 0, begin, sizeof(begin));
	span_moment(r, used, end, sizeof(end));
	heading(out, "timeline", "When");
	(void)fprintf(out,
		"<p class=soft><span class=key>allowed</span><span class=\"key no\">refused</span> "
		"A bar is %s; the highest has %" PRIu64 " decisions.</p>\n"
		"<svg viewBox=\"0 0 %zu %d\" role=img preserveAspectRatio=none "
		"aria-label=\"Decisions from %s to %s UTC, at most %" PRIu64 " in %s\">\n",
		width_words(r->width, width, sizeof(width)), most,
		(used < 12 ? 12 : used) * BAR_STEP, HIGH + 1, begin, end, most, width);
	for (size_t i = 0; i < used; i++)
		bar(r, i, most, out);
	(void)fprintf(out, "<line class=axis x1=0 x2=%d y1=%d y2=%d></line></svg>\n",
		REPORT_SPANS * BAR_STEP, HIGH, HIGH);
	(void)fprintf(out, "<p class=ends><span>%s</span><span>%s UTC</span></p>\n", begin, end);
	section_end(out);
}

/* --- tables ------------------------------------------------------------------------------------*/

static void roots(struct report *r, FILE *out)
{
	char text[ROOM];

	heading(out, "root", "Ways to root that were used");
	counter_sort(&r->roots, COUNTER_ALL);
	counter_sort(&r->details, COUNTER_ALL);
	if (r->roots.count == 0) {
		(void)fputs("<p>None.</p>\n", out);
		section_end(out);
		return;
	}
	(void)fputs("<p>Who has such a power is root on the host with it alone, or through what "
		    "containers and images hold already.</p>\n",
		out);
	table_begin(out, "Powers that were granted", "power|root|client|#times|last");
	for (size_t i = 0; i < shown(&r->roots); i++) {
		const struct counter_row *row = &r->roots.rows[i];
		enum power p = power_find(span_of(counter_part(row, 0, text, sizeof(text))));

		(void)fputs("<tr>", out);
		cell(out, "power", text);
		(void)fprintf(out, "<td data-as=\"root\">%s</td>",
			p != POWER_COUNT ? root_name(power_info(p)->root) : "");
		cell(out, "client", counter_part(row, 1, text, sizeof(text)));
		number(out, "times", row->n[COUNTER_ALL]);
		when(out, row->last);
		(void)fputs("</tr>\n", out);
	}
	table_end(out, &r->roots);
	if (r->details.count > 0) {
		table_begin(out, "What they were asked for with", "power|client|what|#times|last");
		for (size_t i = 0; i < shown(&r->details); i++) {
			const struct counter_row *row = &r->details.rows[i];

			(void)fputs("<tr>", out);
			cell(out, "power", counter_part(row, 0, text, sizeof(text)));
			cell(out, "client", counter_part(row, 1, text, sizeof(text)));
			cell(out, "what", counter_part(row, 2, text, sizeof(text)));
			number(out, "times", row->n[COUNTER_ALL]);
			when(out, row->last);
			(void)fputs("</tr>\n", out);
		}
		table_end(out, &r->details);
	}
	section_end(out);
}

/* "power, ALLOW_KILL": the step that decided, and the flag or rule that did. */
static void decider(FILE *out, const struct counter_row *row)
{
	char by[64];
	char name[ROOM];

	(void)counter_part(row, 1, by, sizeof(by));
	(void)counter_part(row, 2, name, sizeof(name));
	(void)fputs("<td data-as=\"by\">", out);
	html_text(out, by);
	if (name[0]) {
		(void)fputs(" ", out);
		code(out, name);
	}
	(void)fputs("</td>", out);
}

static void denials(struct report *r, FILE *out)
{
	char text[ROOM];

	heading(out, "refused", r->would > 0 ? "Refused, or would be" : "Refused");
	counter_sort(&r->denials, COUNTER_ALL);
	if (r->denials.count == 0) {
		(void)fputs("<p>Nothing.</p>\n", out);
		section_end(out);
		return;
	}
	table_begin(out, "By reason, and by the flag or rule that could allow it",
		"reason|by|client|latest|#times|last");
	for (size_t i = 0; i < shown(&r->denials); i++) {
		const struct counter_row *row = &r->denials.rows[i];

		(void)fputs("<tr>", out);
		cell(out, "reason", counter_part(row, 0, text, sizeof(text)));
		decider(out, row);
		cell(out, "client", counter_part(row, 3, text, sizeof(text)));
		cell(out, "latest", row->example ? row->example : "");
		number(out, "times", row->n[COUNTER_ALL]);
		when(out, row->last);
		(void)fputs("</tr>\n", out);
	}
	table_end(out, &r->denials);
	section_end(out);
}

static void operations_of(const struct report *r, const char *subject, FILE *out)
{
	char text[ROOM];
	size_t rows = 0;

	table_begin(out, "", "operation|#times|#refused|last");
	for (size_t i = 0; i < r->uses.count && rows < SHOWN; i++) {
		const struct counter_row *row = &r->uses.rows[i];

		if (strcmp(counter_part(row, 0, text, sizeof(text)), subject) != 0)
			continue;
		(void)fputs("<tr>", out);
		cell(out, "operation", counter_part(row, 1, text, sizeof(text)));
		number(out, "times", row->n[COUNTER_ALL]);
		number(out, "refused", row->n[COUNTER_DENIED]);
		when(out, row->last);
		(void)fputs("</tr>\n", out);
		rows++;
	}
	(void)fputs("</tbody></table></div>\n", out);
}

static void clients(struct report *r, FILE *out)
{
	char subject[ROOM];

	heading(out, "clients", "Who did what");
	counter_sort(&r->subjects, COUNTER_ALL);
	counter_sort(&r->uses, COUNTER_ALL);
	for (size_t i = 0; i < shown(&r->subjects); i++) {
		const struct counter_row *row = &r->subjects.rows[i];

		(void)counter_part(row, 0, subject, sizeof(subject));
		(void)fprintf(out, "<details%s><summary>", i < 3 ? " open" : "");
		code(out, subject);
		(void)fprintf(out, ": %" PRIu64 " calls, %" PRIu64 " of them changes",
			row->n[COUNTER_ALL], row->n[COUNTER_WRITES]);
		if (row->n[COUNTER_DENIED] > 0)
			(void)fprintf(out, ", <span class=deny>%" PRIu64 " refused</span>",
				row->n[COUNTER_DENIED]);
		(void)fputs("</summary>\n", out);
		operations_of(r, subject, out);
		(void)fputs("</details>\n", out);
	}
	if (r->subjects.count > SHOWN || r->subjects.others.n[COUNTER_ALL] > 0)
		(void)fputs("<p class=soft>Clients with fewer calls are not shown.</p>\n", out);
	section_end(out);
}

/* --- flags -------------------------------------------------------------------------------------*/

/* Whether an unset flag leaves the power open in the profile of the trail. */
static bool is_open(const struct report *r, const struct power_info *info)
{
	if (strcmp(r->profile, "guard") == 0)
		return !info->closed_guard;
	if (strcmp(r->profile, "readonly") == 0)
		return !info->closed_readonly;
	if (strcmp(r->profile, "hardened") == 0)
		return !info->closed_hardened;
	return !info->closed_proxies;
}

static void flag_list(
	const struct report *r, FILE *out, bool (*wanted)(const struct report *r, enum power p))
{
	bool any = false;

	(void)fputs("<ul class=words>\n", out);
	for (size_t p = 0; p < POWER_COUNT; p++) {
		const struct power_info *info = power_info((enum power)p);

		if (!wanted(r, (enum power)p))
			continue;
		any = true;
		(void)fprintf(out, "<li>%s%s</li>\n", info->flag,
			info->root == ROOT_DIRECT ? " <span class=deny>root</span>" : "");
	}
	(void)fputs(any ? "</ul>\n" : "<li>none</li></ul>\n", out);
}

static bool never_asked(const struct report *r, enum power p)
{
	return r->asked[p] == 0 && is_open(r, power_info(p));
}

static bool asked_in_vain(const struct report *r, enum power p)
{
	return r->asked_denied[p] > 0;
}

static void flags(const struct report *r, FILE *out)
{
	heading(out, "flags", "Flags");
	(void)fputs("<h3>Open in this profile, and never asked for</h3>\n<p>Nothing in this trail "
		    "would be refused if these were 0. That holds for what the trail tells of: "
		    "without <code>DSP_AUDIT_LOG=all</code> it has no reads.</p>\n",
		out);
	flag_list(r, out, never_asked);
	(void)fputs(
		"<h3>In requests that were refused, or would be</h3>\n<p>Set to 1 they open "
		"what <a href=\"#refused\">was refused</a>, where no rule says otherwise.</p>\n",
		out);
	flag_list(r, out, asked_in_vain);
	section_end(out);
}

static void outcomes(struct report *r, FILE *out)
{
	char text[ROOM];

	if (r->outcomes.count == 0)
		return;
	heading(out, "outcomes", "What became of it");
	(void)fprintf(out,
		"<p>dockerd's own status of what was allowed, where it told one; %" PRIu64
		" could be told to belong to one decision.</p>\n",
		r->paired);
	counter_sort(&r->outcomes, COUNTER_ALL);
	table_begin(out, "HTTP status", "status|#times|last");
	for (size_t i = 0; i < shown(&r->outcomes); i++) {
		const struct counter_row *row = &r->outcomes.rows[i];

		(void)counter_part(row, 0, text, sizeof(text));
		(void)fputs("<tr>", out);
		cell(out, "status", strcmp(text, "0") == 0 ? "none" : text);
		number(out, "times", row->n[COUNTER_ALL]);
		when(out, row->last);
		(void)fputs("</tr>\n", out);
	}
	table_end(out, &r->outcomes);
	section_end(out);
}

int report_page(struct report *r, FILE *out)
{
	if (head(r, out) != 0)
		return -1;
	summary(r, out);
	completeness(r, out);
	if (r->decisions > 0) {
		timeline(r, out);
		denials(r, out);
		roots(r, out);
		clients(r, out);
		flags(r, out);
		outcomes(r, out);
	}
	(void)fprintf(out,
		"</main><footer><p>Made by dsp %s from its audit trail. Times are UTC.</p>"
		"</footer></body></html>\n",
		DSP_VERSION);
	return fflush(out) == 0 && !ferror(out) ? 0 : -1;
}
