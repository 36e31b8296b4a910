#include "html.h"

#include <stdbool.h>
#include <stddef.h>

#include "dsp/core/base/text.h"

/* Controls, blanks of no width, and what Unicode has to change the direction of text. */
static bool is_invisible(unsigned c)
{
	static const struct {
		unsigned from;
		unsigned to;
	} ranges[] = { { 0, 0x1f }, { 0x7f, 0xa0 }, { 0xad, 0xad }, { 0x34f, 0x34f },
		{ 0x61c, 0x61c }, { 0x115f, 0x1160 }, { 0x17b4, 0x17b5 }, { 0x180b, 0x180f },
		{ 0x2000, 0x200f }, { 0x2028, 0x202f }, { 0x205f, 0x206f }, { 0x3000, 0x3000 },
		{ 0x3164, 0x3164 }, { 0xd800, 0xf8ff }, { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff },
		{ 0xffa0, 0xffa0 }, { 0xfff0, 0xffff }, { 0x1d173, 0x1d17a },
		{ 0xe0000, 0x10ffff } };

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (c >= ranges[i].from && c <= ranges[i].to)
			return true;
	}
	return false;
}

static const char *entity(char c)
{
	static const char *const entities[] = {
		['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&#39;"
	};

	return c > 0 && (size_t)c < sizeof(entities) / sizeof(entities[0]) ? entities[(size_t)c]
									   : NULL;
}

void html_text(FILE *out, const char *text)
{
	static const unsigned char first[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	struct span rest = span_of(text);

	while (rest.n > 0) {
		size_t n = text_utf8(rest);
		unsigned code = (unsigned char)rest.s[0] & first[n];

		for (size_t i = 1; i < n; i++)
			code = code << 6 | ((unsigned char)rest.s[i] & 0x3f);
		if (n == 0)
			(void)fprintf(out, "\\x%02x", (unsigned char)rest.s[0]);
		else if (n == 1 && entity(rest.s[0]))
			(void)fputs(entity(rest.s[0]), out);
		else if (is_invisible(code))
			(void)fprintf(out, "\\u{%x}", code);
		else
			(void)fwrite(rest.s, 1, n, out);
		rest = span_after(rest, n > 0 ? n : 1);
	}
}
