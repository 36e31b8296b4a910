#include "check_result.h"

#include <stdarg.h>
#include <stdio.h>

void outcome_init(struct outcome *o)
{
	o->state = STATE_OK;
	line_init(&o->text, o->text_room, sizeof(o->text_room));
	line_init(&o->advice, o->advice_room, sizeof(o->advice_room));
}

/* What files and other programs say may hold anything, and a line for a terminal must not. */
__attribute__((format(printf, 2, 0))) static void add(struct line *l, const char *fmt, va_list args)
{
	char text[700];
	int n = vsnprintf(text, sizeof(text), fmt, args);

	if (n < 0)
		return;
	for (char *c = text; *c; c++) {
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	}
	line_add_cut(l, span_of(text));
}

void outcome_say(struct outcome *o, enum state state, const char *fmt, ...)
{
	va_list args;

	if (state == STATE_OK && o->state != STATE_OK)
		return;
	if (state != STATE_OK && o->state == STATE_OK)
		line_init(&o->text, o->text_room, sizeof(o->text_room));
	if (state > o->state)
		o->state = state;
	if (o->text.n > 0)
		line_add_cut(&o->text, SPAN("; "));
	va_start(args, fmt);
	add(&o->text, fmt, args);
	va_end(args);
}

void outcome_advise(struct outcome *o, const char *fmt, ...)
{
	va_list args;

	if (o->advice.n > 0)
		return;
	va_start(args, fmt);
	add(&o->advice, fmt, args);
	va_end(args);
}
