#include "dsp/core/base/text.h"

#include <stdio.h>

int text_hex_lower(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool text_is_word(struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.s[i] <= ' ' || text.s[i] > '~')
			return false;
	}
	return text.n > 0;
}

int text_hex(char c)
{
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : text_hex_lower(c);
}

void text_hex_write(unsigned char byte, char out[2])
{
	static const char digits[] = "0123456789abcdef";

	out[0] = digits[byte >> 4];
	out[1] = digits[byte & 15];
}

size_t text_decimal(uint64_t n, char out[TEXT_DECIMAL_ROOM])
{
	char digits[TEXT_DECIMAL_ROOM - 1];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	memcpy(out, digits + at, sizeof(digits) - at);
	out[sizeof(digits) - at] = '\0';
	return sizeof(digits) - at;
}

/* Escapes one byte as text_escape does; the length. */
static size_t escape_byte(unsigned char c, char out[4])
{
	if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
		out[0] = (char)c;
		return 1;
	}
	out[0] = '\\';
	out[1] = (char)c;
	if (c == '"' || c == '\\')
		return 2;
	out[1] = 'x';
	text_hex_write(c, out + 2);
	return 4;
}

size_t text_plain_run(struct span s)
{
	size_t n = 0;
	char one[4];

	while (s.n - n >= 8 && text_plain8(s.s + n) == 8)
		n += 8;
	while (n < s.n && escape_byte((unsigned char)s.s[n], one) == 1)
		n++;
	return n;
}

void text_escape(struct span in, char *out, size_t cap)
{
	size_t n = in.n < cap ? text_plain_run(in) : 0;
	size_t fits = 0; /* how much of out stays if "..." must follow */
	char one[4];

	/* Nearly all texts need no escape. */
	if (n == in.n) {
		text_copy(in, out, cap);
		return;
	}
	n = 0;
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

void line_join(struct line *l, ...)
{
	size_t n = l->n;
	va_list args;

	va_start(args, l);
	for (const char *text; (text = va_arg(args, const char *)) != NULL && n < l->cap;) {
		size_t length = strlen(text);

		if (length < l->cap - n)
			memcpy(l->text + n, text, length);
		n += length;
	}
	va_end(args);
	l->cut = l->cut || n >= l->cap;
	if (n < l->cap)
		l->n = n;
	l->text[l->n] = '\0';
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

uint64_t text_hash(struct span s)
{
	uint64_t hash = 0xcbf29ce484222325U;

	for (; s.n >= sizeof(uint64_t); s = span_after(s, sizeof(uint64_t))) {
		uint64_t part;

		memcpy(&part, s.s, sizeof(part));
		hash = (hash ^ part) * 0x100000001b3U;
		hash ^= hash >> 32;
	}
	for (; s.n > 0; s = span_after(s, 1))
		hash = (hash ^ (unsigned char)s.s[0]) * 0x100000001b3U;
	return hash;
}

size_t text_utf8(struct span s)
{
	/* By the first byte: the length, and what the second may be. */
	static const struct {
		unsigned char first, last;
		unsigned char length;
		unsigned char least, most;
	} rows[] = {
		{ 0x00, 0x7f, 1, 0x00, 0x00 },
		{ 0xc2, 0xdf, 2, 0x80, 0xbf },
		{ 0xe0, 0xe0, 3, 0xa0, 0xbf },
		{ 0xe1, 0xec, 3, 0x80, 0xbf },
		{ 0xed, 0xed, 3, 0x80, 0x9f },
		{ 0xee, 0xef, 3, 0x80, 0xbf },
		{ 0xf0, 0xf0, 4, 0x90, 0xbf },
		{ 0xf1, 0xf3, 4, 0x80, 0xbf },
		{ 0xf4, 0xf4, 4, 0x80, 0x8f },
	};
	const unsigned char *c = (const unsigned char *)s.s;
	size_t row = 0;

	while (row < sizeof(rows) / sizeof(rows[0]) && c[0] > rows[row].last)
		row++;
	if (row == sizeof(rows) / sizeof(rows[0]) || c[0] < rows[row].first ||
		s.n < rows[row].length)
		return 0;
	if (rows[row].length > 1 && (c[1] < rows[row].least || c[1] > rows[row].most))
		return 0;
	for (size_t i = 2; i < rows[row].length; i++) {
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	}
	return rows[row].length;
}

bool text_is_hex(struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text_hex_lower(text.s[i]) < 0)
			return false;
	}
	return text.n > 0;
}

bool text_in_list(struct span text, const char *list)
{
	while (*list != '\0') {
		const char *comma = strchr(list, ',');
		size_t n = comma ? (size_t)(comma - list) : strlen(list);

		if (span_equal((struct span){ list, n }, text))
			return true;
		list += comma ? n + 1 : n;
	}
	return false;
}
