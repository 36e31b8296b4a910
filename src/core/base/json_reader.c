#include "dsp/core/base/json_reader.h"

#include "dsp/core/base/text.h"

enum { MOST_DEPTH = 64 };

static bool skip_value(struct json_reader *r, int depth);

bool json_reader_at_end(struct json_reader *r)
{
	(void)json_reader_peek(r);
	return r->at == r->end;
}

/* Whether a byte in a string stands for itself: ASCII, no control, no quote, no backslash. */
static bool is_plain(char c)
{
	return (signed char)c >= 0x20 && c != '"' && c != '\\';
}

/* The value of the four digits at s, or -1. */
static long hex4(const char *s)
{
	long n = 0;

	for (int i = 0; i < 4; i++) {
		int digit = text_hex(s[i]);

		if (digit < 0)
			return -1;
		n = n * 16 + digit;
	}
	return n;
}

static char *put_utf8(char *out, long c)
{
	if (c < 0x80) {
		*out++ = (char)c;
	} else if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
		*out++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*out++ = (char)(0xe0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	} else {
		*out++ = (char)(0xf0 | c >> 18);
		*out++ = (char)(0x80 | (c >> 12 & 0x3f));
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	}
	return out;
}

/* Decodes "\uXXXX", or the two of a surrogate pair. NULL: it is neither. */
static char *decode_unicode(struct json_reader *r, char *out)
{
	long c = r->end - r->at >= 6 ? hex4(r->at + 2) : -1;
	long low;

	if (c < 0 || (c >= 0xdc00 && c <= 0xdfff))
		return NULL;
	r->at += 6;
	if (c < 0xd800 || c > 0xdbff)
		return put_utf8(out, c);
	if (r->end - r->at < 6 || r->at[0] != '\\' || r->at[1] != 'u')
		return NULL;
	low = hex4(r->at + 2);
	if (low < 0xdc00 || low > 0xdfff)
		return NULL;
	r->at += 6;
	return put_utf8(out, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
}

/* Decodes an escape, which is never shorter than what it stands for. NULL: not an escape. */
static char *decode_escape(struct json_reader *r, char *out)
{
	static const char names[] = "\"\\/bfnrt";
	static const char means[] = "\"\\/\b\f\n\r\t";
	char c = r->end - r->at >= 2 ? r->at[1] : '\0';
	const char *name = c ? strchr(names, c) : NULL;

	if (c == 'u')
		return decode_unicode(r, out);
	if (!name)
		return NULL;
	r->at += 2;
	*out++ = means[name - names];
	return out;
}

static char *copy_utf8(struct json_reader *r, char *out)
{
	size_t n = text_utf8((struct span){ r->at, (size_t)(r->end - r->at) });

	if (n == 0)
		return NULL;
	memmove(out, r->at, n);
	r->at += n;
	return out + n;
}

/* What is not plain in a string that begins at begin, up to its closing quote. */
static bool decode_string(struct json_reader *r, const char *begin, struct span *ret)
{
	char *out;

	for (out = r->at; out && r->at < r->end && *r->at != '"';) {
		if (is_plain(*r->at))
			*out++ = *r->at++;
		else if (*r->at == '\\')
			out = decode_escape(r, out);
		else
			out = (unsigned char)*r->at < 0x20 ? NULL : copy_utf8(r, out);
	}
	if (!out || r->at == r->end)
		return false;
	r->at++;
	*ret = (struct span){ begin, (size_t)(out - begin) };
	return true;
}

bool json_reader_string(struct json_reader *r, struct span *ret)
{
	const char *begin;

	if (!json_reader_accept(r, '"'))
		return false;
	begin = r->at;
	for (size_t n = 8; n == 8 && r->end - r->at >= 8; r->at += n)
		n = text_plain8(r->at);
	while (r->at < r->end && is_plain(*r->at))
		r->at++;
	if (r->at == r->end || *r->at != '"')
		return decode_string(r, begin, ret);
	*ret = (struct span){ begin, (size_t)(r->at++ - begin) };
	return true;
}

static bool skip_digits(struct json_reader *r)
{
	const char *begin = r->at;

	while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
		r->at++;
	return r->at > begin;
}

static bool skip_if(struct json_reader *r, char a, char b)
{
	if (r->at == r->end || (*r->at != a && *r->at != b))
		return false;
	r->at++;
	return true;
}

static bool skip_number(struct json_reader *r)
{
	(void)skip_if(r, '-', '-');
	if (!skip_if(r, '0', '0') && !skip_digits(r))
		return false;
	if (skip_if(r, '.', '.') && !skip_digits(r))
		return false;
	if (!skip_if(r, 'e', 'E'))
		return true;
	(void)skip_if(r, '+', '-');
	return skip_digits(r);
}

static bool skip_word(struct json_reader *r, struct span word)
{
	if (!span_starts((struct span){ r->at, (size_t)(r->end - r->at) }, word))
		return false;
	r->at += word.n;
	return true;
}

int json_reader_member(struct json_reader *r, bool *first, struct span *ret)
{
	if (*first && !json_reader_accept(r, '{'))
		return -1;
	if (json_reader_peek(r) == '}') {
		r->at++;
		return 0;
	}
	if (!*first && !json_reader_accept(r, ','))
		return -1;
	*first = false;
	/* Only an escape stands for a NUL, and is longer. */
	if (!json_reader_string(r, ret) ||
		(ret->s + ret->n + 1 != r->at && memchr(ret->s, '\0', ret->n)) ||
		!json_reader_accept(r, ':'))
		return -1;
	return 1;
}

/* NOLINTBEGIN(misc-no-recursion): MOST_DEPTH bounds it. */
static bool skip_object(struct json_reader *r, int depth)
{
	struct span key;
	bool first = true;
	int more;

	while ((more = json_reader_member(r, &first, &key)) > 0) {
		if (!skip_value(r, depth))
			return false;
	}
	return more == 0;
}

static bool skip_list(struct json_reader *r, int depth)
{
	r->at++;
	if (json_reader_accept(r, ']'))
		return true;
	do {
		if (!skip_value(r, depth))
			return false;
	} while (json_reader_accept(r, ','));
	return json_reader_accept(r, ']');
}

static bool skip_value(struct json_reader *r, int depth)
{
	struct span unused;

	if (depth == MOST_DEPTH)
		return false;
	switch (json_reader_peek(r)) {
	case '"':
		return json_reader_string(r, &unused);
	case '{':
		return skip_object(r, depth + 1);
	case '[':
		return skip_list(r, depth + 1);
	case 't':
		return skip_word(r, SPAN("true"));
	case 'f':
		return skip_word(r, SPAN("false"));
	case 'n':
		return skip_word(r, SPAN("null"));
	default:
		return skip_number(r);
	}
}
/* NOLINTEND(misc-no-recursion) */

bool json_reader_skip(struct json_reader *r)
{
	return skip_value(r, 0);
}
