#include "dsp/scribe.h"

#include "dsp/text.h"

void scribe_raw(struct scribe *s, struct span bytes)
{
	if (s->full || bytes.n > s->cap - s->n) {
		s->full = true;
		return;
	}
	memcpy(s->out + s->n, bytes.s, bytes.n);
	s->n += bytes.n;
}

void scribe_key(struct scribe *s, const char *key)
{
	char before = s->n > 0 ? s->out[s->n - 1] : '{';

	scribe_raw(s, before == '{' ? SPAN("\"") : SPAN(",\""));
	scribe_raw(s, span_of(key));
	scribe_raw(s, SPAN("\":"));
}

void scribe_number(struct scribe *s, const char *key, uint64_t n)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	scribe_key(s, key);
	scribe_raw(s, (struct span){ digits + at, sizeof(digits) - at });
}

void scribe_word(struct scribe *s, const char *key, const char *word)
{
	scribe_key(s, key);
	scribe_raw(s, SPAN("\""));
	scribe_raw(s, span_of(word));
	scribe_raw(s, SPAN("\""));
}

/* Of a character of more than one byte: its number. */
static uint32_t code_point(struct span c)
{
	uint32_t n = (unsigned char)c.s[0] & (0x7fU >> c.n);

	for (size_t i = 1; i < c.n; i++)
		n = n << 6 | ((unsigned char)c.s[i] & 0x3fU);
	return n;
}

/*
 * Characters that a terminal or an editor obeys instead of showing them: controls, separators of
 * lines, marks that turn the direction, and what is not seen at all.
 */
static bool is_shown(struct span c)
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

/* The first character or byte of text as it stands in a string; *taken of text. The length. */
static size_t encode(struct span text, char out[5], size_t *taken)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char c = (unsigned char)text.s[0];
	size_t n = text_utf8(text);

	*taken = 1;
	if (c == '"' || c == '\\') {
		memcpy(out, c == '"' ? "\\\"" : "\\\\\\\\", c == '"' ? 2 : 4);
		return c == '"' ? 2 : 4;
	}
	if ((n == 1 && c >= 0x20 && c < 0x7f) || (n > 1 && is_shown((struct span){ text.s, n }))) {
		memcpy(out, text.s, n);
		*taken = n;
		return n;
	}
	memcpy(out, "\\\\x", 3);
	out[3] = hex[c >> 4];
	out[4] = hex[c & 15];
	return 5;
}

bool scribe_string(struct scribe *s, struct span text, size_t most)
{
	size_t left = s->cap - s->n;
	char one[5];
	bool whole = true;

	/* Both quotes fit, or nothing is begun. */
	if (s->full || left < 2) {
		s->full = true;
		return false;
	}
	most = most < left - 2 ? most : left - 2;
	s->out[s->n++] = '"';
	while (text.n > 0 && whole) {
		size_t taken;
		size_t n = encode(text, one, &taken);

		whole = n <= most;
		if (whole) {
			memcpy(s->out + s->n, one, n);
			s->n += n;
			most -= n;
			text = span_after(text, taken);
		}
	}
	s->out[s->n++] = '"';
	return whole;
}

bool scribe_text(struct scribe *s, const char *key, struct span text, size_t most)
{
	scribe_key(s, key);
	return scribe_string(s, text, most);
}
