#include "html.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "container_names.h"
#include "dsp/core/base/text.h"

enum { WORD_MOST = 40 }; /* characters of a word that is not broken */

/*
 * Controls, blanks of no width, what Unicode has to change the direction of text, and marks that
 * are drawn over other characters.
 */
static bool is_invisible(unsigned c)
{
	static const struct {
		unsigned from;
		unsigned to;
	} ranges[] = { { 0, 0x1f }, { 0x7f, 0xa0 }, { 0xad, 0xad }, { 0x300, 0x36f },
		{ 0x61c, 0x61c }, { 0x115f, 0x1160 }, { 0x17b4, 0x17b5 }, { 0x180b, 0x180f },
		{ 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff }, { 0x2000, 0x200f }, { 0x2028, 0x202f },
		{ 0x205f, 0x206f }, { 0x20d0, 0x20ff }, { 0x3000, 0x3000 }, { 0x3164, 0x3164 },
		{ 0xd800, 0xf8ff }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f }, { 0xfeff, 0xfeff },
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

/* Writes the first character of text, which is not empty; returns its bytes. */
static size_t print_character(FILE *out, struct span text)
{
	static const unsigned char first[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	size_t n = text_utf8(text);
	unsigned code = (unsigned char)text.s[0] & first[n];

	for (size_t i = 1; i < n; i++)
		code = code << 6 | ((unsigned char)text.s[i] & 0x3f);
	if (n == 0)
		(void)fprintf(out, "\\x%02x", (unsigned char)text.s[0]);
	else if (n == 1 && entity(text.s[0]))
		(void)fputs(entity(text.s[0]), out);
	else if (is_invisible(code))
		(void)fprintf(out, "\\u{%x}", code);
	else
		(void)fwrite(text.s, 1, n, out);
	return n > 0 ? n : 1;
}

void html_text(FILE *out, const char *text)
{
	for (struct span rest = span_of(text); rest.n > 0;)
		rest = span_after(rest, print_character(out, rest));
}

/* Writes an id at the start of text, and its name; returns its bytes. 0: there is none to write. */
static size_t print_id(FILE *out, struct span text, const struct counter *names)
{
	struct span id = { text.s, 0 };
	const char *name;

	while (id.n < text.n && text_hex_lower(text.s[id.n]) >= 0)
		id.n++;
	if ((id.n != CONTAINER_ID_LONG && id.n != CONTAINER_ID_SHORT) ||
		(id.n < text.n && isalnum((unsigned char)text.s[id.n])))
		return 0;
	name = container_names_find(names, id);
	if (id.n == CONTAINER_ID_LONG)
		(void)fprintf(out, "<span title=\"%.*s\">", (int)id.n, id.s);
	(void)fprintf(out, "%.*s%s", CONTAINER_ID_SHORT, id.s,
		id.n == CONTAINER_ID_LONG ? "</span>" : "");
	if (name) {
		(void)fputs(" <b>(", out);
		html_text(out, name);
		(void)fputs(")</b>", out);
	}
	return id.n;
}

void html_code(FILE *out, const char *text, const struct counter *names)
{
	struct span rest = span_of(text);
	size_t unbroken = 0; /* characters since a place where a browser may break */
	char last = ' ';

	(void)fputs("<code>", out);
	while (rest.n > 0) {
		size_t n = isalnum((unsigned char)last) ? 0 : print_id(out, rest, names);

		if (n == 0)
			n = print_character(out, rest);
		unbroken++;
		last = rest.s[n - 1];
		rest = span_after(rest, n);
		if (!strchr(" /?&,", last) && unbroken < WORD_MOST)
			continue;
		/* A browser breaks at blanks itself. */
		if (last != ' ' && rest.n > 0 && rest.s[0] != ' ')
			(void)fputs("<wbr>", out);
		unbroken = 0;
	}
	(void)fputs("</code>", out);
}

/* NOLINTNEXTLINE(misc-no-recursion): a number has 20 digits. */
void html_number(FILE *out, uint64_t n)
{
	if (n >= 1000) {
		html_number(out, n / 1000);
		(void)fprintf(out, ",%03" PRIu64, n % 1000);
	} else {
		(void)fprintf(out, "%" PRIu64, n);
	}
}

void html_count(FILE *out, uint64_t n, const char *one, const char *many)
{
	html_number(out, n);
	(void)fprintf(out, " %s", n == 1 ? one : many);
}
