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
	SHOWN = 50,   /* rows of a table; the page says how many it leaves out */
	BAR_WIDE = 9, /* of the timeline, in its own units */
	BAR_STEP = 10,
	HIGH = 120,
	ROOM = 600,
};

/* --- pieces ------------------------------------------------------------------------------------*/

static void print_code(FILE *out, const char *text)
{
	(void)fputs("<code>", out);
	html_text(out, text);
	(void)fputs("</code>", out);
}

/* "2026-11-25 10:00:00": a reader does not need microseconds. */
static void print_time(FILE *out, const char *time)
{
	if (strlen(time) >= 19)
		(void)fprintf(out, "%.10s %.8s", time, time + 11);
}

static void begin_section(FILE *out, const char *id, const char *heading)
{
	(void)fprintf(
		out, "<section aria-labelledby=\"%s\"><h2 id=\"%s\">%s</h2>\n", id, id, heading);
}

static void end_section(FILE *out)
{
	(void)fputs("</section>\n", out);
}

/* --- tables ------------------------------------------------------------------------------------*/

enum column_kind {
	COLUMN_PART,    /* a part of the row's key */
	COLUMN_NUMBER,  /* one of its counts */
	COLUMN_LAST,    /* the latest time */
	COLUMN_EXAMPLE, /* the latest request */
	COLUMN_ROOT,    /* whether the power that is part 0 makes root */
	COLUMN_DECIDER, /* parts 1 and 2: "power, ALLOW_KILL" */
	COLUMN_STATUS,  /* part 0: an HTTP status, or 0 */
};

struct column {
	const char *name;
	enum column_kind kind;
	unsigned which; /* the part, or the enum counter_column */
};

enum { COLUMNS_MOST = 6 };

struct table {
	const char *caption;
	struct column columns[COLUMNS_MOST]; /* up to the first without a name */
};

static void print_decider(FILE *out, const struct counter_row *row)
{
	char text[ROOM];
	char by[64];

	html_text(out, counter_part(row, 1, by, sizeof(by)));
	if (counter_part(row, 2, text, sizeof(text))[0]) {
		(void)fputs(" ", out);
		print_code(out, text);
	}
}

/* A narrow screen shows the column's name beside the cell. */
static void print_cell(FILE *out, const struct column *c, const struct counter_row *row)
{
	const char *class = c->kind == COLUMN_NUMBER ? " class=n"
		: c->kind == COLUMN_LAST             ? " class=t"
						     : "";
	char text[ROOM];
	enum power p;

	(void)fprintf(out, "<td%s data-as=\"%s\">", class, c->name);
	switch (c->kind) {
	case COLUMN_PART:
		print_code(out, counter_part(row, c->which, text, sizeof(text)));
		break;
	case COLUMN_NUMBER:
		(void)fprintf(out, "%" PRIu64, row->n[c->which]);
		break;
	case COLUMN_LAST:
		print_time(out, row->last);
		break;
	case COLUMN_EXAMPLE:
		print_code(out, row->example ? row->example : "");
		break;
	case COLUMN_ROOT:
		p = power_find(span_of(counter_part(row, 0, text, sizeof(text))));
		(void)fputs(p == POWER_COUNT ? "" : root_name(power_info(p)->root), out);
		break;
	case COLUMN_DECIDER:
		print_decider(out, row);
		break;
	case COLUMN_STATUS:
		(void)counter_part(row, 0, text, sizeof(text));
		print_code(out, strcmp(text, "0") == 0 ? "none" : text);
		break;
	}
	(void)fputs("</td>", out);
}

/* Prints the first rows of c; with a subject only rows that have it as part 0. */
static void print_table(
	FILE *out, const struct table *t, const struct counter *c, const char *subject)
{
	char text[ROOM];
	size_t rows = 0;

	(void)fprintf(out, "<div class=wide><table class=rows><caption>%s</caption><thead><tr>",
		t->caption);
	for (size_t k = 0; k < COLUMNS_MOST && t->columns[k].name; k++)
		(void)fprintf(out, "<th scope=col%s>%s</th>",
			t->columns[k].kind == COLUMN_NUMBER ? " class=n" : "", t->columns[k].name);
	(void)fputs("</tr></thead><tbody>\n", out);
	for (size_t i = 0; i < c->count && rows < SHOWN; i++) {
		const struct counter_row *row = &c->rows[i];

		if (subject && strcmp(counter_part(row, 0, text, sizeof(text)), subject) != 0)
			continue;
		(void)fputs("<tr>", out);
		for (size_t k = 0; k < COLUMNS_MOST && t->columns[k].name; k++)
			print_cell(out, &t->columns[k], row);
		(void)fputs("</tr>\n", out);
		rows++;
	}
	(void)fputs("</tbody></table></div>\n", out);
}

/* Sorts c, and prints its first rows and how much is in the others. */
static void print_counter(FILE *out, const struct table *t, struct counter *c)
{
	uint64_t n = c->others.n[COUNTER_ALL];

	counter_sort(c, COUNTER_ALL);
	print_table(out, t, c, NULL);
	for (size_t i = SHOWN; i < c->count; i++)
		n += c->rows[i].n[COUNTER_ALL];
	if (n > 0)
		(void)fprintf(
			out, "<p class=soft>And %" PRIu64 " in rows that are not shown.</p>\n", n);
}

/* --- the head ----------------------------------------------------------------------------------*/

static int print_head(const struct report *r, FILE *out)
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

static void print_figure(FILE *out, uint64_t n, const char *what, const char *class)
{
	(void)fprintf(out, "<li><b%s>%" PRIu64 "</b> %s</li>\n", n > 0 ? class : "", n, what);
}

/* Uses of direct ways to root. */
static uint64_t root_uses(const struct report *r)
{
	uint64_t n = r->roots.others.n[COUNTER_ALL];
	char name[64];

	for (size_t i = 0; i < r->roots.count; i++) {
		const struct counter_row *row = &r->roots.rows[i];
		enum power p = power_find(span_of(counter_part(row, 0, name, sizeof(name))));

		if (p != POWER_COUNT && power_info(p)->root == ROOT_DIRECT)
			n += row->n[COUNTER_ALL];
	}
	return n;
}

static void print_summary(const struct report *r, FILE *out)
{
	if (r->decisions == 0) {
		(void)fputs("<p>No decision is in this trail.</p></header><main>\n", out);
		return;
	}
	(void)fputs("<p class=soft>", out);
	print_time(out, r->first);
	(void)fputs(" to ", out);
	print_time(out, r->last);
	(void)fputs(" UTC, profile ", out);
	html_text(out, r->profile);
	(void)fputs(r->monitor
			? ", <strong class=deny>monitor mode: nothing is refused</strong>.</p>\n"
			: ".</p>\n",
		out);
	(void)fputs("<ul class=numbers>\n", out);
	print_figure(out, r->decisions, "decisions", "");
	print_figure(out, r->denied, "refused", " class=deny");
	if (r->would > 0)
		print_figure(out, r->would, "would be refused", " class=deny");
	print_figure(out, r->writes, "changes", "");
	print_figure(out, r->subjects.count,
		r->subjects.others.n[COUNTER_ALL] ? "clients, and more" : "clients", "");
	print_figure(out, root_uses(r), "uses of direct ways to root", " class=deny");
	(void)fputs("</ul></header><main>\n", out);
}

/* What the audit log does not have. */
static void print_gaps(const struct report *r, FILE *out)
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

/* Writes "2026-11-25 10:00", the start of a span. */
static void write_start(const struct report *r, size_t i, char *room, size_t cap)
{
	time_t at = (time_t)(r->start + (int64_t)i * r->width);
	struct tm t;

	if (!gmtime_r(&at, &t) || strftime(room, cap, "%Y-%m-%d %H:%M", &t) == 0)
		text_copy(SPAN("?"), room, cap);
}

/* At least 2 for one decision, which is then visible beside many others. */
static unsigned height(uint64_t n, uint64_t most)
{
	return n == 0 ? 0 : 2 + (unsigned)(n * (HIGH - 4) / most);
}

static void print_bar(const struct report *r, size_t i, uint64_t most, FILE *out)
{
	const struct report_span *s = &r->spans[i];
	unsigned denied = height(s->denied, most);
	unsigned allowed = height(s->allowed, most);
	char time[32];

	write_start(r, i, time, sizeof(time));
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

static void write_duration(int64_t seconds, char *room, size_t cap)
{
	struct line l;

	line_init(&l, room, cap);
	if (seconds < 3600)
		line_add(&l, "%" PRId64 " min", seconds / 60);
	else if (seconds < 48 * 3600)
		line_add(&l, "%.1f hours", (double)seconds / 3600);
	else
		line_add(&l, "%.1f days", (double)seconds / 86400);
}

static void print_timeline(struct report *r, FILE *out)
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
	write_start(r, 0, begin, sizeof(begin));
	write_start(r, used, end, sizeof(end));
	write_duration(r->width, width, sizeof(width));
	begin_section(out, "timeline", "When");
	(void)fprintf(out,
		"<p class=soft><span class=key>allowed</span><span class=\"key no\">refused</span> "
		"A bar is %s; the highest has %" PRIu64 " decisions.</p>\n"
		"<svg viewBox=\"0 0 %zu %d\" role=img preserveAspectRatio=none "
		"aria-label=\"Decisions from %s to %s UTC, at most %" PRIu64 " in %s\">\n",
		width, most, (used < 12 ? 12 : used) * BAR_STEP, HIGH + 1, begin, end, most, width);
	for (size_t i = 0; i < used; i++)
		print_bar(r, i, most, out);
	(void)fprintf(out, "<line class=axis x1=0 x2=%d y1=%d y2=%d></line></svg>\n",
		REPORT_SPANS * BAR_STEP, HIGH, HIGH);
	(void)fprintf(out, "<p class=ends><span>%s</span><span>%s UTC</span></p>\n", begin, end);
	end_section(out);
}

/* --- sections ----------------------------------------------------------------------------------*/

static void print_denials(struct report *r, FILE *out)
{
	static const struct table table = {
		"By reason, and by the flag or rule that could allow it",
		{ { "reason", COLUMN_PART, 0 }, { "by", COLUMN_DECIDER, 0 },
			{ "client", COLUMN_PART, 3 }, { "latest", COLUMN_EXAMPLE, 0 },
			{ "times", COLUMN_NUMBER, COUNTER_ALL }, { "last", COLUMN_LAST, 0 } }
	};

	begin_section(out, "refused", r->would > 0 ? "Refused, or would be" : "Refused");
	if (r->denials.count > 0)
		print_counter(out, &table, &r->denials);
	else
		(void)fputs("<p>Nothing.</p>\n", out);
	end_section(out);
}

static void print_roots(struct report *r, FILE *out)
{
	static const struct table powers = { "Powers that were granted",
		{ { "power", COLUMN_PART, 0 }, { "root", COLUMN_ROOT, 0 },
			{ "client", COLUMN_PART, 1 }, { "times", COLUMN_NUMBER, COUNTER_ALL },
			{ "last", COLUMN_LAST, 0 } } };
	static const struct table details = { "What they were asked for with",
		{ { "power", COLUMN_PART, 0 }, { "client", COLUMN_PART, 1 },
			{ "what", COLUMN_PART, 2 }, { "times", COLUMN_NUMBER, COUNTER_ALL },
			{ "last", COLUMN_LAST, 0 } } };

	begin_section(out, "root", "Ways to root that were used");
	if (r->roots.count > 0) {
		(void)fputs("<p>Who has such a power is root on the host with it alone, or through "
			    "what containers and images hold already.</p>\n",
			out);
		print_counter(out, &powers, &r->roots);
		if (r->details.count > 0)
			print_counter(out, &details, &r->details);
	} else {
		(void)fputs("<p>None.</p>\n", out);
	}
	end_section(out);
}

static void print_clients(struct report *r, FILE *out)
{
	static const struct table operations = { "",
		{ { "operation", COLUMN_PART, 1 }, { "times", COLUMN_NUMBER, COUNTER_ALL },
			{ "refused", COLUMN_NUMBER, COUNTER_DENIED },
			{ "last", COLUMN_LAST, 0 } } };
	char subject[ROOM];

	begin_section(out, "clients", "Who did what");
	counter_sort(&r->subjects, COUNTER_ALL);
	counter_sort(&r->uses, COUNTER_ALL);
	for (size_t i = 0; i < r->subjects.count && i < SHOWN; i++) {
		const struct counter_row *row = &r->subjects.rows[i];

		(void)counter_part(row, 0, subject, sizeof(subject));
		(void)fprintf(out, "<details%s><summary>", i < 3 ? " open" : "");
		print_code(out, subject);
		(void)fprintf(out, ": %" PRIu64 " calls, %" PRIu64 " of them changes",
			row->n[COUNTER_ALL], row->n[COUNTER_WRITES]);
		if (row->n[COUNTER_DENIED] > 0)
			(void)fprintf(out, ", <span class=deny>%" PRIu64 " refused</span>",
				row->n[COUNTER_DENIED]);
		(void)fputs("</summary>\n", out);
		print_table(out, &operations, &r->uses, subject);
		(void)fputs("</details>\n", out);
	}
	if (r->subjects.count > SHOWN || r->subjects.others.n[COUNTER_ALL] > 0)
		(void)fputs("<p class=soft>Clients with fewer calls are not shown.</p>\n", out);
	end_section(out);
}

/* Prints the flags of powers that were denied, or of open powers that nobody asked for. */
static void print_flag_list(const struct report *r, FILE *out, bool denied)
{
	bool any = false;

	(void)fputs("<ul class=words>\n", out);
	for (size_t p = 0; p < POWER_COUNT; p++) {
		const struct power_info *info = power_info((enum power)p);
		bool closed = info->closed_proxies;

		/* What an unset flag means in the profile of the audit log. */
		if (strcmp(r->profile, "guard") == 0)
			closed = info->closed_guard;
		else if (strcmp(r->profile, "readonly") == 0)
			closed = info->closed_readonly;
		else if (strcmp(r->profile, "hardened") == 0)
			closed = info->closed_hardened;
		if (denied ? r->asked_denied[p] == 0 : r->asked[p] > 0 || closed)
			continue;
		any = true;
		(void)fprintf(out, "<li>%s%s</li>\n", info->flag,
			info->root == ROOT_DIRECT ? " <span class=deny>root</span>" : "");
	}
	(void)fputs(any ? "</ul>\n" : "<li>none</li></ul>\n", out);
}

static void print_flags(struct report *r, FILE *out)
{
	begin_section(out, "flags", "Flags");
	(void)fputs("<h3>Open in this profile, and never asked for</h3>\n<p>Nothing in this trail "
		    "would be refused if these were 0. That holds for what the trail tells of: "
		    "without <code>DSP_AUDIT_LOG=all</code> it has no reads.</p>\n",
		out);
	print_flag_list(r, out, false);
	(void)fputs(
		"<h3>In requests that were refused, or would be</h3>\n<p>Set to 1 they open "
		"what <a href=\"#refused\">was refused</a>, where no rule says otherwise.</p>\n",
		out);
	print_flag_list(r, out, true);
	end_section(out);
}

static void print_outcomes(struct report *r, FILE *out)
{
	static const struct table table = { "HTTP status",
		{ { "status", COLUMN_STATUS, 0 }, { "times", COLUMN_NUMBER, COUNTER_ALL },
			{ "last", COLUMN_LAST, 0 } } };

	if (r->outcomes.count == 0)
		return;
	begin_section(out, "outcomes", "What became of it");
	(void)fprintf(out,
		"<p>dockerd's own status of what was allowed, where it told one; %" PRIu64
		" could be told to belong to one decision.</p>\n",
		r->paired);
	print_counter(out, &table, &r->outcomes);
	end_section(out);
}

int report_page(struct report *r, FILE *out)
{
	static void (*const sections[])(struct report *, FILE *) = { print_timeline, print_denials,
		print_roots, print_clients, print_flags, print_outcomes };

	if (print_head(r, out) != 0)
		return -1;
	print_summary(r, out);
	print_gaps(r, out);
	for (size_t i = 0; r->decisions > 0 && i < sizeof(sections) / sizeof(sections[0]); i++)
		sections[i](r, out);
	(void)fprintf(out,
		"</main><footer><p>Made by dsp %s from its audit trail. Times are UTC.</p>"
		"</footer></body></html>\n",
		DSP_VERSION);
	return fflush(out) == 0 && !ferror(out) ? 0 : -1;
}
