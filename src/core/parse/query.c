#include "dsp/core/parse/query.h"

#include <strings.h>

#include "dsp/core/parse/target.h"

/* Cuts the next pair off rest; skips empty ones. False at the end. */
static bool next_pair(struct span *rest, struct span *pair)
{
	while (rest->n > 0) {
		*pair = span_cut(rest, '&');
		if (pair->n > 0)
			return true;
	}
	return false;
}

/*
 * The unescaped byte of s at *at, and moves *at behind it; -1 at the end, -2 on a bad escape. Texts
 * are compared byte by byte, without memory for the unescaped one.
 */
static int next_byte(struct span s, size_t *at)
{
	char out;

	if (*at >= s.n)
		return -1;
	if (s.s[*at] == '+') {
		++*at;
		return ' ';
	}
	if (s.s[*at] != '%')
		return (unsigned char)s.s[(*at)++];
	if (s.n - *at < 3 || target_unescape((struct span){ s.s + *at, 3 }, &out) != 1)
		return -2;
	*at += 3;
	return (unsigned char)out;
}

static bool well_escaped(struct span s)
{
	size_t at = 0;
	int c;

	do {
		c = next_byte(s, &at);
	} while (c >= 0);
	return c == -1;
}

static bool unescapes_to(struct span value, struct span text)
{
	size_t at = 0;

	for (; text.n > 0; text = span_after(text, 1)) {
		if (next_byte(value, &at) != (unsigned char)text.s[0])
			return false;
	}
	return next_byte(value, &at) == -1;
}

bool query_value_in(struct span value, const char *words)
{
	struct span rest = span_of(words);

	while (rest.n > 0) {
		if (unescapes_to(value, span_cut(&rest, ',')))
			return true;
	}
	return false;
}

static bool readable(struct span pair)
{
	return span_find(pair, ';') == pair.n && well_escaped(pair);
}

int query_check(struct span query, struct err *why)
{
	struct span pair;

	while (next_pair(&query, &pair)) {
		if (span_find(pair, ';') < pair.n)
			return FAIL(why, 0, "its query holds a \";\"");
		if (!well_escaped(pair))
			return FAIL(why, 0, "its query holds a bad percent escape");
	}
	return 0;
}

bool query_next(struct span *rest, const char *key, struct span *value)
{
	struct span pair;

	while (next_pair(rest, &pair)) {
		struct span name;

		*value = pair;
		name = span_cut(value, '=');
		if (unescapes_to(name, span_of(key)) && readable(pair))
			return true;
	}
	return false;
}

struct span query_first(struct span query, const char *key)
{
	struct span value;

	return query_next(&query, key, &value) ? value : (struct span){ NULL, 0 };
}

bool query_given(struct span query, const char *key)
{
	return query_first(query, key).n > 0;
}

/*
 * Whether the value without blanks around it is word, in upper or lower case. Go trims blanks
 * beyond ASCII too; here they make a value true.
 */
static bool is_word(struct span value, const char *word)
{
	char text[8];
	size_t at = 0;
	size_t n = 0;
	size_t end = 0; /* the length without blanks at the end */

	for (int c = next_byte(value, &at); c >= 0; c = next_byte(value, &at)) {
		bool blank = c == ' ' || (c >= '\t' && c <= '\r');

		if (blank && n == 0)
			continue;
		if (n < sizeof(text))
			text[n] = (char)c;
		n++;
		if (!blank)
			end = n;
	}
	return end == strlen(word) && strncasecmp(text, word, end) == 0;
}

bool query_true(struct span query, const char *key)
{
	static const char *const no[] = { "", "0", "no", "false", "none" };
	struct span value = query_first(query, key);

	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		if (is_word(value, no[i]))
			return false;
	}
	return true;
}

long query_unescape(struct span value, char *out)
{
	size_t at = 0;
	size_t n = 0;
	int c;

	while ((c = next_byte(value, &at)) >= 0)
		out[n++] = (char)c;
	return c == -1 ? (long)n : -1;
}
