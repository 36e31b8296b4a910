#include "dsp/config/table.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "dsp/config/output.h"
#include "dsp/core/base/text.h"

enum {
	JOINED_MOST = 128, /* of a list of texts, or a column's name */
	GAP = 2,
	NARROWEST = 4,   /* of a column that is made narrower */
	LAST_LEAST = 30, /* of the last column, or it stands below the others */
	INDENT = 4,      /* there */
};

/* The texts of one row; each cell points into text, or into the row. */
struct cells {
	const char *cell[TABLE_COLUMNS];
	char text[TABLE_COLUMNS][JOINED_MOST];
};

static size_t count_columns(const char *const *keys)
{
	size_t n = 0;

	while (keys[n] && n < TABLE_COLUMNS)
		n++;
	return n;
}

static void write_heads(const char *const *keys, struct cells *ret)
{
	for (size_t i = 0; i < count_columns(keys); i++) {
		char *text = ret->text[i];

		text_copy(span_of(keys[i]), text, JOINED_MOST);
		for (char *c = text; *c; c++)
			*c = *c == '_' ? ' ' : (char)toupper((unsigned char)*c);
		ret->cell[i] = text;
	}
}

static void write_row(const char *const *keys, const json_t *row, struct cells *ret)
{
	for (size_t i = 0; i < count_columns(keys); i++) {
		const json_t *value = json_object_get(row, keys[i]);
		const json_t *v;
		struct line l;
		size_t k;

		ret->cell[i] = json_string_value(value);
		if (ret->cell[i])
			continue;
		line_init(&l, ret->text[i], JOINED_MOST);
		ret->cell[i] = ret->text[i];
		json_array_foreach (value, k, v)
			line_add(&l, "%s%s", k > 0 ? "," : "", json_string_value(v));
	}
}

/* --- text --------------------------------------------------------------------------------------*/

static void widen(size_t *widths, size_t n, const struct cells *row)
{
	for (size_t i = 0; i < n; i++) {
		size_t width = strlen(row->cell[i]);

		if (width > widths[i])
			widths[i] = width;
	}
}

/* Makes the widest columns narrower until all fit into room. */
static void fit(size_t *widths, size_t n, size_t room)
{
	for (;;) {
		size_t all = GAP * (n - 1);
		size_t widest = 0;

		for (size_t i = 0; i < n; i++) {
			all += widths[i];
			if (widths[i] > widths[widest])
				widest = i;
		}
		if (all <= room || widths[widest] <= NARROWEST)
			return;
		widths[widest]--;
	}
}

static enum output_shade shade_of(struct span text)
{
	static const struct {
		const char *text;
		enum output_shade shade;
	} words[] = {
		{ "allow", OUTPUT_GOOD },
		{ "open", OUTPUT_GOOD },
		{ "deny", OUTPUT_BAD },
		{ "closed", OUTPUT_BAD },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (span_equal(text, span_of(words[i].text)))
			return words[i].shade;
	}
	return OUTPUT_PLAIN;
}

/* Prints the next line of a row, and moves its cells on to what is left. False: nothing was. */
static bool print_line(const size_t *widths, size_t n, struct cells *row)
{
	size_t blanks = 0;
	size_t last = 0;

	for (size_t i = 0; i < n; i++) {
		if (row->cell[i][0] != '\0')
			last = i + 1;
	}
	for (size_t i = 0; i < last; i++) {
		const char *cell = row->cell[i];
		size_t length = output_piece(cell, widths[i]);
		struct span piece = { cell, length };

		(void)printf("%*s", (int)blanks, "");
		output_shaded(shade_of(piece), piece);
		blanks = widths[i] - length + GAP;
		row->cell[i] += length + strspn(cell + length, " ");
	}
	if (last > 0)
		(void)printf("\n");
	return last > 0;
}

/* How a table is laid out. */
struct layout {
	size_t columns;
	size_t widths[TABLE_COLUMNS];
	bool below; /* the last column stands below the others, for which alone there is room */
};

static void lay_out(const char *const *keys, const json_t *rows, struct layout *ret)
{
	size_t room = output_width(stdout);
	size_t n = count_columns(keys);
	size_t others = GAP * (n - 1);
	struct cells cells;
	const json_t *row;
	size_t i;

	*ret = (struct layout){ .columns = n };
	write_heads(keys, &cells);
	widen(ret->widths, n, &cells);
	json_array_foreach (rows, i, row) {
		write_row(keys, row, &cells);
		widen(ret->widths, n, &cells);
	}
	if (room == 0)
		return;
	for (i = 0; i + 1 < n; i++)
		others += ret->widths[i];
	ret->below = others + ret->widths[n - 1] > room && others + LAST_LEAST > room;
	fit(ret->widths, ret->below ? n - 1 : n, room);
}

static void print_cells(const struct layout *layout, struct cells *row)
{
	size_t n = layout->columns - layout->below;

	while (print_line(layout->widths, n, row))
		continue;
	if (layout->below && row->cell[n][0] != '\0') {
		(void)printf("%*s", INDENT, "");
		output_wrapped(INDENT, row->cell[n]);
	}
}

void table_print(const char *const *keys, const json_t *rows)
{
	struct layout layout;
	struct cells cells;
	const json_t *row;
	size_t i;

	lay_out(keys, rows, &layout);
	write_heads(keys, &cells);
	print_cells(&layout, &cells);
	json_array_foreach (rows, i, row) {
		write_row(keys, row, &cells);
		print_cells(&layout, &cells);
	}
}

/* --- Markdown ----------------------------------------------------------------------------------*/

static void print_markdown_row(size_t n, const char *const *cells)
{
	for (size_t i = 0; i < n; i++)
		(void)printf("| %s ", cells[i]);
	(void)printf("|\n");
}

void table_print_markdown(const char *const *keys, const json_t *rows)
{
	static const char *const rule[TABLE_COLUMNS] = { "---", "---", "---", "---", "---", "---",
		"---", "---", "---", "---", "---", "---" };
	size_t n = count_columns(keys);
	struct cells cells = { .cell = { NULL } };
	const json_t *row;
	size_t i;

	write_heads(keys, &cells);
	print_markdown_row(n, cells.cell);
	print_markdown_row(n, rule);
	json_array_foreach (rows, i, row) {
		write_row(keys, row, &cells);
		print_markdown_row(n, cells.cell);
	}
}
