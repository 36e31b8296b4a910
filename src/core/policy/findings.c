#include "dsp/core/policy/findings.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsp/core/base/mem.h"

/* The line and column of an offset. */
static void set_place(struct findings *f, size_t at, struct finding *item)
{
	size_t end = at < f->text.n ? at : f->text.n;
	const char *newline;

	/* Findings come almost in order: lines are counted on from the last one. */
	if (end < f->at)
		f->at = f->before = 0;
	while (end > f->at && (newline = memchr(f->text.s + f->at, '\n', end - f->at))) {
		f->at = (size_t)(newline - f->text.s) + 1;
		f->before++;
	}
	item->line = f->before + 1;
	item->column = end - f->at + 1;
}

__attribute__((format(printf, 4, 0))) static void add(
	struct findings *f, size_t at, bool warning, const char *fmt, va_list args)
{
	struct finding *item;

	if (f->count == f->room) {
		size_t room = f->room > 0 ? 2 * f->room : 16;
		struct finding *more = mem_resize(f->items, room * sizeof(*more));

		if (!more) {
			f->lost = true;
			return;
		}
		f->items = more;
		f->room = room;
	}
	item = &f->items[f->count++];
	*item = (struct finding){ .warning = warning };
	set_place(f, at, item);
	(void)vsnprintf(item->text, sizeof(item->text), fmt, args);
}

void findings_error(struct findings *f, size_t at, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(f, at, false, fmt, args);
	va_end(args);
}

void findings_warning(struct findings *f, size_t at, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(f, at, true, fmt, args);
	va_end(args);
}

static size_t count_errors(const struct findings *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->count; i++)
		n += !f->items[i].warning;
	return n;
}

bool findings_fatal(const struct findings *f)
{
	return f->lost || count_errors(f) > 0;
}

void findings_first(const struct findings *f, struct err *e)
{
	size_t errors = count_errors(f);

	for (size_t i = 0; i < f->count; i++) {
		const struct finding *item = &f->items[i];

		if (item->warning)
			continue;
		if (errors > 1)
			err_set(e, 0, "%s:%zu:%zu: %s (and %zu more: run dsp check)", f->file,
				item->line, item->column, item->text, errors - 1);
		else
			err_set(e, 0, "%s:%zu:%zu: %s", f->file, item->line, item->column,
				item->text);
		return;
	}
	err_set(e, ENOMEM, "%s", f->file);
}

static int compare(const void *left, const void *right)
{
	const struct finding *a = left;
	const struct finding *b = right;

	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->column != b->column)
		return a->column < b->column ? -1 : 1;
	return strcmp(a->text, b->text);
}

void findings_sort(struct findings *f)
{
	if (f->count > 0)
		qsort(f->items, f->count, sizeof(*f->items), compare);
}

void findings_free(struct findings *f)
{
	mem_free(f->items);
	f->items = NULL;
	f->count = f->room = 0;
}
