#include "dsp/core/base/json_writer.h"

#include "dsp/core/base/text.h"

void json_writer_raw(struct json_writer *w, struct span bytes)
{
	if (w->full || bytes.n > w->cap - w->n) {
		w->full = true;
		return;
	}
	memcpy(w->out + w->n, bytes.s, bytes.n);
	w->n += bytes.n;
}

/* Writes a key with room for `more` bytes behind it, and returns where they go; NULL: no room. */
static char *begin_member(struct json_writer *w, const char *key, size_t more)
{
	size_t n = strlen(key);
	char *out = w->out + w->n;

	if (w->full || n + more + sizeof(",\"\":") > w->cap - w->n) {
		w->full = true;
		return NULL;
	}
	if (w->n > 0 && out[-1] != '{')
		*out++ = ',';
	*out++ = '"';
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): it has a length */
	memcpy(out, key, n);
	out += n;
	*out++ = '"';
	*out++ = ':';
	w->n = (size_t)(out - w->out);
	return out;
}

void json_writer_key(struct json_writer *w, const char *key)
{
	(void)begin_member(w, key, 0);
}

void json_writer_number(struct json_writer *w, const char *key, uint64_t n)
{
	char digits[TEXT_DECIMAL_ROOM];

	json_writer_key(w, key);
	json_writer_raw(w, (struct span){ digits, text_decimal(n, digits) });
}

void json_writer_word(struct json_writer *w, const char *key, const char *word)
{
	size_t n = strlen(word);
	char *out = begin_member(w, key, n + 2);

	if (!out)
		return;
	*out++ = '"';
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): it has a length */
	memcpy(out, word, n);
	out[n] = '"';
	w->n += n + 2;
}

/* The code point of a character of more than one byte. */
static uint32_t code_point(struct span c)
{
	uint32_t n = (unsigned char)c.s[0] & (0x7fU >> c.n);

	for (size_t i = 1; i < c.n; i++)
		n = n << 6 | ((unsigned char)c.s[i] & 0x3fU);
	return n;
}

/*
 * False for characters that a terminal or an editor obeys instead of showing them: controls, line
 * separators, direction marks, and invisible ones.
 */
static bool is_printable(struct span c)
{
	static const struct {
		uint32_t first;
		uint32_t last;
	} hidden[] = { { 0x80, 0xa0 }, { 0xad, 0xad }, { 0x061c, 0x061c }, { 0x180e, 0x180e },
		{ 0x2000, 0x200f }, { 0x2028, 0x202f }, { 0x205f, 0x206f }, { 0x3000, 0x3000 },
		{ 0xe000, 0xf8ff }, { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff }, { 0xfff0, 0xffff },
		{ 0xe0000, 0x10ffff } };
	uint32_t n = code_point(c);

	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		if (n >= hidden[i].first && n <= hidden[i].last)
			return false;
	}
	return true;
}

/*
 * Escapes the first character of text, or its first byte. Returns the length of the escaped form;
 * *taken: how many bytes of text it stands for.
 */
static size_t encode(struct span text, char out[5], size_t *taken)
{
	unsigned char c = (unsigned char)text.s[0];
	size_t n = text_utf8(text);

	*taken = 1;
	if (c == '"' || c == '\\') {
		memcpy(out, c == '"' ? "\\\"" : "\\\\\\\\", c == '"' ? 2 : 4);
		return c == '"' ? 2 : 4;
	}
	if ((n == 1 && c >= 0x20 && c < 0x7f) ||
		(n > 1 && is_printable((struct span){ text.s, n }))) {
		memcpy(out, text.s, n);
		*taken = n;
		return n;
	}
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): it has a length */
	memcpy(out, "\\\\x", 3);
	text_hex_write(c, out + 3);
	return 5;
}

/* How many bytes at the start of text need no escape; at most `most`. */
static size_t plain_run(struct span text, size_t most)
{
	size_t n = 0;

	most = most < text.n ? most : text.n;
	for (size_t plain = 8; plain == 8 && most - n >= 8; n += plain)
		plain = text_plain8(text.s + n);
	while (n < most && text.s[n] >= 0x20 && text.s[n] < 0x7f && text.s[n] != '"' &&
		text.s[n] != '\\')
		n++;
	return n;
}

bool json_writer_string(struct json_writer *w, struct span text, size_t most)
{
	size_t left = w->cap - w->n;
	char one[5];
	bool whole = true;

	/* Both quotes must fit. */
	if (w->full || left < 2) {
		w->full = true;
		return false;
	}
	most = most < left - 2 ? most : left - 2;
	w->out[w->n++] = '"';
	while (text.n > 0 && whole) {
		size_t taken = plain_run(text, most);
		size_t n = taken;

		if (n > 0) {
			memcpy(w->out + w->n, text.s, n);
			w->n += n;
			most -= n;
			text = span_after(text, n);
			continue;
		}
		n = encode(text, one, &taken);
		whole = n <= most;
		if (whole) {
			memcpy(w->out + w->n, one, n);
			w->n += n;
			most -= n;
			text = span_after(text, taken);
		}
	}
	w->out[w->n++] = '"';
	return whole;
}

/* The first character of text, or its first byte, as JSON; *taken: how many bytes of text it is. */
static struct span exact_form(struct span text, char escape[6], size_t *taken)
{
	unsigned char c = (unsigned char)text.s[0];

	*taken = text_utf8(text);
	if (*taken == 0) {
		*taken = 1;
		return SPAN("\xef\xbf\xbd");
	}
	if (c >= 0x20 && c != '"' && c != '\\')
		return (struct span){ text.s, *taken };
	escape[0] = '\\';
	escape[1] = (char)c;
	if (c >= 0x20)
		return (struct span){ escape, 2 };
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): it has a length */
	memcpy(escape, "\\u00", 4);
	text_hex_write(c, escape + 4);
	return (struct span){ escape, 6 };
}

void json_writer_exact(struct json_writer *w, struct span text)
{
	size_t before = w->n;
	char escape[6];

	json_writer_raw(w, SPAN("\""));
	while (text.n > 0) {
		size_t taken = plain_run(text, text.n);
		struct span form = { text.s, taken };

		if (taken == 0)
			form = exact_form(text, escape, &taken);
		json_writer_raw(w, form);
		text = span_after(text, taken);
	}
	json_writer_raw(w, SPAN("\""));
	if (w->full)
		w->n = before;
}

bool json_writer_text(struct json_writer *w, const char *key, struct span text, size_t most)
{
	json_writer_key(w, key);
	return json_writer_string(w, text, most);
}
