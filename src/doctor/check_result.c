#include "check_result.h"

#include <stdarg.h>
#include <stdio.h>

void check_result_init(struct check_result *result)
{
	result->state = CHECK_OK;
	line_init(&result->text, result->text_room, sizeof(result->text_room));
	line_init(&result->advice, result->advice_room, sizeof(result->advice_room));
}

/* Texts from files and other programs may hold any bytes; a terminal must not get them. */
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

void check_result_add(struct check_result *result, enum check_state state, const char *fmt, ...)
{
	va_list args;

	if (state == CHECK_OK && result->state != CHECK_OK)
		return;
	if (state != CHECK_OK && result->state == CHECK_OK)
		line_init(&result->text, result->text_room, sizeof(result->text_room));
	if (state > result->state)
		result->state = state;
	if (result->text.n > 0)
		line_add_cut(&result->text, SPAN("; "));
	va_start(args, fmt);
	add(&result->text, fmt, args);
	va_end(args);
}

void check_result_advise(struct check_result *result, const char *fmt, ...)
{
	va_list args;

	if (result->advice.n > 0)
		return;
	va_start(args, fmt);
	add(&result->advice, fmt, args);
	va_end(args);
}
