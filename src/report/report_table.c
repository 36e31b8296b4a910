#include "report_table.h"

#include <string.h>

#include "denial.h"
#include "dsp/core/base/text.h"
#include "html.h"

enum { ROOM = 600 };

void report_time(FILE *out, const char *time)
{
	if (strlen(time) >= 19)
		(void)fprintf(out, "%.10s %.8s", time, time + 11);
}

void report_user(const struct report *r, FILE *out, const char *subject)
{
	size_t i = 0;

	while (i < r->subjects.count && i < TABLE_USERS &&
		strcmp(r->subjects.rows[i].key, subject) != 0)
		i++;
	(void)fprintf(out, " data-u=%zu", i);
}

static void print_remedy(const struct report *r, FILE *out, const struct counter_row *row)
{
	char text[ROOM];
	int digit = counter_part(row, 0, text, sizeof(text))[0] - '0';

	if (digit >= 0 && digit < REMEDY_COUNT)
		(void)fputs(remedy_text((enum remedy)digit), out);
	if (counter_part(row, 1, text, sizeof(text))[0]) {
		(void)fputs(" ", out);
		html_code(out, text, &r->names);
	}
}

static void print_content(
	const struct report *r, FILE *out, const struct column *c, const struct counter_row *row)
{
	char text[ROOM];
	enum power p;

	switch (c->kind) {
	case COLUMN_PART:
		if (counter_part(row, c->which, text, sizeof(text))[0])
			html_code(out, text, &r->names);
		break;
	case COLUMN_NUMBER:
		html_number(out, row->n[c->which]);
		break;
	case COLUMN_LAST:
		report_time(out, row->last);
		break;
	case COLUMN_EXAMPLE:
		html_code(out, row->example ? row->example : "", &r->names);
		break;
	case COLUMN_ROOT:
		p = power_find(span_of(counter_part(row, 0, text, sizeof(text))));
		(void)fputs(p == POWER_COUNT ? "" : root_name(power_info(p)->root), out);
		break;
	case COLUMN_REMEDY:
		print_remedy(r, out, row);
		break;
	case COLUMN_STATUS:
		(void)counter_part(row, 0, text, sizeof(text));
		html_code(out, strcmp(text, "0") == 0 ? "none" : text, &r->names);
		break;
	}
}

static void print_row(
	const struct report *r, FILE *out, const struct table *t, const struct counter_row *row)
{
	char text[ROOM];

	(void)fputs("<tr", out);
	if (t->user != NO_USER)
		report_user(r, out, counter_part(row, t->user, text, sizeof(text)));
	(void)fputs(">", out);
	for (const struct column *c = t->columns; c < t->columns + COLUMNS_MOST && c->name; c++) {
		const char *class = c->kind == COLUMN_NUMBER ? " class=n"
			: c->kind == COLUMN_LAST             ? " class=t"
							     : "";

		/* A narrow screen shows the column's name beside the cell. */
		(void)fprintf(out, "<td%s data-as=\"%s\">", class, c->name);
		print_content(r, out, c, row);
		(void)fputs("</td>", out);
	}
	(void)fputs("</tr>\n", out);
}

void report_table(const struct report *r, FILE *out, const struct table *t,
	const struct counter *rows, const char *subject)
{
	char text[ROOM];
	size_t shown = 0;

	(void)fputs("<div class=wide><table class=rows>", out);
	if (t->caption[0])
		(void)fprintf(out, "<caption>%s</caption>", t->caption);
	(void)fputs("<thead><tr>", out);
	for (size_t k = 0; k < COLUMNS_MOST && t->columns[k].name; k++)
		(void)fprintf(out, "<th scope=col%s>%s</th>",
			t->columns[k].kind == COLUMN_NUMBER ? " class=n" : "", t->columns[k].name);
	(void)fputs("</tr></thead><tbody>\n", out);
	for (size_t i = 0; i < rows->count && shown < TABLE_ROWS; i++) {
		const struct counter_row *row = &rows->rows[i];

		if (subject && strcmp(counter_part(row, 0, text, sizeof(text)), subject) != 0)
			continue;
		print_row(r, out, t, row);
		shown++;
	}
	(void)fputs("</tbody></table></div>\n", out);
}

void report_counter(const struct report *r, FILE *out, const struct table *t, struct counter *rows)
{
	uint64_t n = rows->others.n[COUNTER_ALL];

	counter_sort(rows, COUNTER_ALL);
	report_table(r, out, t, rows, NULL);
	for (size_t i = TABLE_ROWS; i < rows->count; i++)
		n += rows->rows[i].n[COUNTER_ALL];
	if (n == 0)
		return;
	(void)fputs("<p class=soft>And ", out);
	html_number(out, n);
	(void)fputs(" in rows that are not shown.</p>\n", out);
}
