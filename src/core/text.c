#include "dsp/text.h"

#include <stdio.h>

/* One byte as it is shown; the length. */
static size_t escape_byte(unsigned char c, char out[5])
{
	if (c == '"' || c == '\\')
		return (size_t)snprintf(out, 5, "\\%c", c);
	if (c >= 0x20 && c < 0x7f)
		return (size_t)snprintf(out, 5, "%c", c);
	return (size_t)snprintf(out, 5, "\\x%02x", c);
}

void text_escape(struct span in, char *out, size_t cap)
{
	size_t n = 0;
	size_t fits = 0; /* how much of out can stay if the rest must be cut */
	char one[5];

	for (size_t i = 0; i < in.n; i++) {
		size_t len = escape_byte((unsigned char)in.s[i], one);

		if (n + len + 1 > cap) {
			memcpy(out + fits, "...", sizeof("..."));
			return;
		}
		memcpy(out + n, one, len);
		n += len;
		if (n + sizeof("...") <= cap)
			fits = n;
	}
	out[n] = '\0';
}

void line_init(struct line *l, char *text, size_t cap)
{
	*l = (struct line){ .text = text, .cap = cap };
	text[0] = '\0';
}

void line_add(struct line *l, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(l->text + l->n, l->cap - l->n, fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n >= l->cap - l->n) {
		l->text[l->n] = '\0';
		l->cut = true;
		return;
	}
	l->n += (size_t)n;
}

void text_copy(struct span in, char *out, size_t cap)
{
	size_t n = in.n < cap ? in.n : cap - 1;

	if (n > 0)
		memcpy(out, in.s, n);
	out[n] = '\0';
}

void line_add_cut(struct line *l, struct span s)
{
	text_copy(s, l->text + l->n, l->cap - l->n);
	l->n += strlen(l->text + l->n);
}
