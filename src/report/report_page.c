#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#include "denial.h"
#include "dsp/core/base/text.h"
#include "dsp/core/base/version.h"
#include "dsp/core/policy/settings.h"
#include "html.h"
#include "report_chart.h"
#include "report_table.h"

static const char *const css[] = {
#include "report_css.h"
};

static void begin_section(FILE *out, const char *id, const char *heading)
{
	(void)fprintf(
		out, "<section aria-labelledby=\"%s\"><h2 id=\"%s\">%s</h2>\n", id, id, heading);
}

static void end_section(FILE *out)
{
	(void)fputs("</section>\n", out);
}

/* --- the head ----------------------------------------------------------------------------------*/

/* Prints the title: the user's, or one with the names of the hosts. */
static void print_title(const struct report *r, FILE *out)
{
	if (r->title) {
		html_text(out, r->title);
	} else if (r->hosts.count == 1) {
		(void)fputs("Docker on ", out);
		html_text(out, r->hosts.rows[0].key);
	} else if (r->hosts.count > 1) {
		(void)fprintf(out, "Docker on %zu hosts", r->hosts.count);
	} else {
		(void)fputs("Docker: who did what", out);
	}
}

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
	print_title(r, out);
	(void)fprintf(out, "</title>\n<style nonce=\"%s\">\n", nonce);
	for (size_t i = 0; i < sizeof(css) / sizeof(css[0]); i++)
		(void)fputs(css[i], out);
	(void)fputs("</style></head>\n<body><header><h1>", out);
	print_title(r, out);
	(void)fputs("</h1>\n", out);
	return 0;
}

static void print_figure(FILE *out, uint64_t n, const char *what, const char *class)
{
	(void)fprintf(out, "<li><b%s>", n > 0 ? class : "");
	html_number(out, n);
	(void)fprintf(out, "</b> %s</li>\n", what);
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

/* Prints from when to when, of which hosts, under which settings. */
static void print_scope(const struct report *r, FILE *out)
{
	(void)fputs("<p class=soft>", out);
	report_time(out, r->first);
	if (strcmp(r->first, r->last) != 0) {
		(void)fputs(" to ", out);
		report_time(out, r->last);
	}
	(void)fputs(" UTC. Profile ", out);
	html_text(out, r->profile);
	(void)fputs(r->by_rules ? ", and rules of a policy file.\n" : ".\n", out);
	if (r->monitor)
		(void)fputs("<strong class=deny>Monitor mode: dsp denies nothing.</strong>\n", out);
	(void)fputs("</p>\n", out);
	for (size_t i = 0; r->hosts.count > 1 && i < r->hosts.count && i < TABLE_ROWS; i++) {
		(void)fputs(i == 0 ? "<p class=soft>Hosts: " : ", ", out);
		html_code(out, r->hosts.rows[i].key, &r->names);
	}
	if (r->hosts.count > 1)
		(void)fputs(r->hosts.count > TABLE_ROWS ? ", ...</p>\n" : ".</p>\n", out);
}

static void print_summary(const struct report *r, FILE *out)
{
	uint64_t uses = root_uses(r);

	if (r->decisions == 0) {
		(void)fputs("<p>This audit log has no decision.</p></header><main>\n", out);
		return;
	}
	print_scope(r, out);
	(void)fputs("<ul class=numbers>\n", out);
	print_figure(out, r->decisions, r->decisions == 1 ? "decision" : "decisions", "");
	print_figure(out, r->denied, "denied", " class=deny");
	if (r->would > 0)
		print_figure(out, r->would, "would be denied", " class=deny");
	print_figure(out, r->writes, r->writes == 1 ? "change" : "changes", "");
	print_figure(out, r->subjects.count,
		r->subjects.others.n[COUNTER_ALL] ? "users, and more"
			: r->subjects.count == 1  ? "user"
						  : "users",
		"");
	print_figure(out, uses,
		uses == 1 ? "use of a direct way to root" : "uses of a direct way to root",
		" class=deny");
	(void)fputs("</ul></header><main>\n", out);
}

static void print_gap(FILE *out, uint64_t n, const char *one, const char *many, const char *what)
{
	if (n == 0)
		return;
	(void)fputs("<p class=note>", out);
	html_count(out, n, one, many);
	(void)fprintf(out, " %s</p>\n", what);
}

/* What the audit log does not have. */
static void print_gaps(const struct report *r, FILE *out)
{
	print_gap(out, r->dropped, "line is missing:", "lines are missing:",
		"dspd could not write to the audit log, and its queue was full.");
	print_gap(out, r->orphan_repeats, "repeat is not counted:", "repeats are not counted:",
		"this audit log does not have the lines that were repeated.");
	print_gap(out, r->truncated_lines, "line is truncated", "lines are truncated",
		"and not counted: dspd or the host stopped while it was written.");
	print_gap(out, r->unreadable, "request was denied", "requests were denied",
		"because dspd could not parse dockerd's message.");
}

/* --- sections ----------------------------------------------------------------------------------*/

static void print_denials(struct report *r, FILE *out)
{
	static const struct table remedies = { "What the denied requests need", 2,
		{ { "needs", COLUMN_REMEDY, 0 }, { "user", COLUMN_PART, 2 },
			{ "latest request", COLUMN_EXAMPLE, 0 },
			{ "times", COLUMN_NUMBER, COUNTER_ALL }, { "last", COLUMN_LAST, 0 } } };
	static const struct table things = { "What users asked for", 2,
		{ { "operation", COLUMN_PART, 0 }, { "with", COLUMN_PART, 1 },
			{ "user", COLUMN_PART, 2 }, { "times", COLUMN_NUMBER, COUNTER_ALL },
			{ "last", COLUMN_LAST, 0 } } };

	begin_section(out, "denied", r->would > 0 ? "Denied, or would be denied" : "Denied");
	if (r->remedies.count == 0) {
		(void)fputs("<p>Nothing.</p>\n", out);
	} else {
		report_counter(r, out, &remedies, &r->remedies);
		report_counter(r, out, &things, &r->things);
		(void)fprintf(out,
			"<p class=soft>To get the %s that would allow all of this: <code>dsp "
			"suggest%s --include-denied LOG</code></p>\n",
			r->by_rules ? "rules" : "flags", r->by_rules ? " --policy" : "");
	}
	end_section(out);
}

static void print_roots(struct report *r, FILE *out)
{
	static const struct table powers = { "Powers that dsp allowed", 1,
		{ { "power", COLUMN_PART, 0 }, { "root", COLUMN_ROOT, 0 },
			{ "user", COLUMN_PART, 1 }, { "times", COLUMN_NUMBER, COUNTER_ALL },
			{ "last", COLUMN_LAST, 0 } } };
	static const struct table details = { "What users used them for", 1,
		{ { "power", COLUMN_PART, 0 }, { "user", COLUMN_PART, 1 },
			{ "what", COLUMN_PART, 2 }, { "times", COLUMN_NUMBER, COUNTER_ALL },
			{ "last", COLUMN_LAST, 0 } } };

	begin_section(out, "root", "Ways to root that were used");
	if (r->roots.count > 0) {
		(void)fputs("<p>A direct power makes its user root on the host. The others do so "
			    "through what containers and images already hold.</p>\n",
			out);
		report_counter(r, out, &powers, &r->roots);
		if (r->details.count > 0)
			report_counter(r, out, &details, &r->details);
	} else {
		(void)fputs("<p>None.</p>\n", out);
	}
	end_section(out);
}

static void print_user(const struct report *r, FILE *out, const struct counter_row *row, bool open)
{
	static const struct table operations = { "", NO_USER,
		{ { "operation", COLUMN_PART, 1 }, { "times", COLUMN_NUMBER, COUNTER_ALL },
			{ "denied", COLUMN_NUMBER, COUNTER_DENIED }, { "last", COLUMN_LAST, 0 } } };

	(void)fputs("<details", out);
	report_user(r, out, row->key);
	(void)fprintf(out, "%s><summary>", open ? " open" : "");
	html_code(out, row->key, &r->names);
	(void)fputs(": ", out);
	html_count(out, row->n[COUNTER_ALL], "request", "requests");
	(void)fputs(", ", out);
	html_count(out, row->n[COUNTER_WRITES], "change", "changes");
	if (row->n[COUNTER_DENIED] > 0) {
		(void)fputs(", <span class=deny>", out);
		html_number(out, row->n[COUNTER_DENIED]);
		(void)fputs(" denied</span>", out);
	}
	(void)fputs("</summary>\n", out);
	report_table(r, out, &operations, &r->uses, row->key);
	(void)fputs("</details>\n", out);
}

static void print_users(struct report *r, FILE *out)
{
	begin_section(out, "users", "Who did what");
	counter_sort(&r->uses, COUNTER_ALL);
	for (size_t i = 0; i < r->subjects.count && i < TABLE_ROWS; i++)
		print_user(r, out, &r->subjects.rows[i], i < 3);
	if (r->subjects.count > TABLE_ROWS || r->subjects.others.n[COUNTER_ALL] > 0)
		(void)fputs("<p class=soft>Users with fewer requests are not shown.</p>\n", out);
	end_section(out);
}

static void print_slowest(struct report *r, FILE *out)
{
	static const char *const heads[] = { "user", "request", "at" };

	begin_section(out, "slowest", "Slowest decisions");
	(void)fputs(
		"<div class=wide><table class=rows><thead><tr><th scope=col class=n>ms</th>", out);
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		(void)fprintf(out, "<th scope=col>%s</th>", heads[i]);
	(void)fputs("</tr></thead><tbody>\n", out);
	for (size_t i = 0; i < REPORT_SLOWEST && r->slowest[i].duration_us > 0; i++) {
		const struct slow_decision *slow = &r->slowest[i];

		(void)fputs("<tr", out);
		report_user(r, out, slow->subject);
		(void)fputs("><td class=n data-as=ms>", out);
		html_number(out, slow->duration_us / 1000);
		(void)fprintf(
			out, ".%03u</td><td data-as=user>", (unsigned)(slow->duration_us % 1000));
		html_code(out, slow->subject, &r->names);
		(void)fputs("</td><td data-as=request>", out);
		html_code(out, slow->request, &r->names);
		(void)fputs("</td><td class=t data-as=at>", out);
		report_time(out, slow->time);
		(void)fputs("</td></tr>\n", out);
	}
	(void)fputs("</tbody></table></div>\n", out);
	end_section(out);
}

/* Prints the flags of powers that were denied, or of open powers that no user asked for. */
static void print_flag_list(const struct report *r, FILE *out, bool denied)
{
	enum profile profile = PROFILE_TECNATIVA;
	bool any = false;

	/* What an unset flag means in the profile of the audit log. */
	(void)profile_find(span_of(r->profile), &profile);
	(void)fputs("<ul class=words>\n", out);
	for (size_t p = 0; p < POWER_COUNT; p++) {
		const struct power_info *info = power_info((enum power)p);
		bool closed = info->closed[profile];

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
	if (r->by_rules)
		(void)fputs("<p>Rules of the policy file decide before flags.</p>\n", out);
	(void)fputs("<h3>In requests that dsp denied, or would deny</h3>\n<p>Set to 1 they allow "
		    "what <a href=\"#denied\">was denied</a>, unless a rule denies it.</p>\n",
		out);
	print_flag_list(r, out, true);
	(void)fputs("<h3>Open in this profile, and never used</h3>\n<p>Set to 0 they would have "
		    "denied nothing that this audit log has. It has no reads unless "
		    "<code>DSP_AUDIT_LOG=all</code> is set.</p>\n",
		out);
	print_flag_list(r, out, false);
	end_section(out);
}

static void print_outcomes(struct report *r, FILE *out)
{
	static const struct table table = { "HTTP status of dockerd", NO_USER,
		{ { "status", COLUMN_STATUS, 0 }, { "times", COLUMN_NUMBER, COUNTER_ALL },
			{ "last", COLUMN_LAST, 0 } } };

	if (r->outcomes.count == 0)
		return;
	begin_section(out, "outcomes", "Results");
	(void)fputs("<p>How dockerd answered what dsp allowed, where dockerd reports it. ", out);
	html_count(out, r->paired, "result belongs", "results belong");
	(void)fputs(" to one known decision.</p>\n", out);
	report_counter(r, out, &table, &r->outcomes);
	end_section(out);
}

static void print_grants(struct report *r, FILE *out)
{
	static const struct table table = { "What root allowed for a while", NO_USER,
		{ { "grant", COLUMN_PART, 0 }, { "what, and why", COLUMN_EXAMPLE, 0 },
			{ "requests", COLUMN_NUMBER, COUNTER_ALL }, { "last", COLUMN_LAST, 0 } } };

	if (r->grants.count == 0)
		return;
	begin_section(out, "grants", "Grants");
	report_counter(r, out, &table, &r->grants);
	end_section(out);
}

/* --- the page ----------------------------------------------------------------------------------*/

/* Links to the sections, and a choice of the user whose rows are shown. */
static void print_contents(const struct report *r, FILE *out)
{
	const struct {
		const char *id;
		const char *text;
		bool there;
	} links[] = { { "timeline", "When", r->timeline.used > 1 }, { "denied", "Denied", true },
		{ "root", "Ways to root", true }, { "grants", "Grants", r->grants.count > 0 },
		{ "users", "Users", true },
		{ "slowest", "Slowest decisions", r->slowest[0].duration_us > 0 },
		{ "flags", "Flags", true }, { "outcomes", "Results", r->outcomes.count > 0 } };

	(void)fputs("<nav aria-label=Contents>", out);
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		if (links[i].there)
			(void)fprintf(out, "<a href=\"#%s\">%s</a>\n", links[i].id, links[i].text);
	}
	(void)fputs("</nav>\n", out);
	if (r->subjects.count < 2)
		return;
	(void)fputs("<fieldset><legend>Show</legend>\n<label><input type=radio name=u id=u "
		    "checked>all users</label>\n",
		out);
	for (size_t i = 0; i < r->subjects.count && i < TABLE_USERS; i++) {
		(void)fprintf(out, "<label><input type=radio name=u id=u%zu>", i);
		html_code(out, r->subjects.rows[i].key, &r->names);
		(void)fputs("</label>\n", out);
	}
	(void)fputs("</fieldset>\n", out);
}

int report_page(struct report *r, FILE *out)
{
	if (print_head(r, out) != 0)
		return -1;
	counter_sort(&r->subjects, COUNTER_ALL);
	print_summary(r, out);
	print_gaps(r, out);
	if (r->decisions > 0) {
		print_contents(r, out);
		report_chart(&r->timeline, out);
		print_denials(r, out);
		print_roots(r, out);
		print_grants(r, out);
		print_users(r, out);
		if (r->slowest[0].duration_us > 0)
			print_slowest(r, out);
		print_flags(r, out);
		print_outcomes(r, out);
	}
	(void)fprintf(out,
		"</main><footer><p>dsp %s made this page from its audit log. Times are UTC.</p>"
		"</footer></body></html>\n",
		DSP_VERSION);
	return fflush(out) == 0 && !ferror(out) ? 0 : -1;
}
