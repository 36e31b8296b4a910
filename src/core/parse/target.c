#include "dsp/core/parse/target.h"

#include <stdbool.h>

#include "dsp/core/base/text.h"

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

long target_unescape(struct span in, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++) {
		int high;
		int low;

		if (in.s[i] != '%') {
			out[n++] = in.s[i];
			continue;
		}
		high = in.n - i < 3 ? -1 : text_hex(in.s[i + 1]);
		low = in.n - i < 3 ? -1 : text_hex(in.s[i + 2]);
		if (high < 0 || low < 0)
			return -1;
		out[n++] = (char)(high << 4 | low);
		i += 2;
	}
	return (long)n;
}

/*
 * Refuses control bytes, to which net/http answers 400, blanks, which end a target in HTTP/1.1, and
 * U+FFFD, which dockerd's JSON shows in place of bytes that are not UTF-8: the real bytes are then
 * unknown.
 */
static int check_bytes(struct span raw, struct err *why)
{
	/* Nearly all targets are plain up to their end, or need a closer look from there on. */
	size_t i = span_find(raw, ' ') == raw.n ? text_plain_run(raw) : 0;

	for (; i < raw.n; i++) {
		unsigned char c = (unsigned char)raw.s[i];

		if (c < 0x20 || c == 0x7f)
			return FAIL(why, 0, "its target holds a control byte");
		if (c == ' ')
			return FAIL(why, 0, "its target holds a blank");
		if (c == 0xef && span_starts(span_after(raw, i), SPAN("\xef\xbf\xbd")))
			return FAIL(why, 0, "its target holds bytes that are not UTF-8");
	}
	return 0;
}

/* The length of "scheme:" at the start of raw; 0: there is none (net/url getScheme). */
static size_t scheme_length(struct span raw)
{
	for (size_t i = 0; i < raw.n; i++) {
		char c = raw.s[i];

		if (c == ':')
			return i > 0 ? i + 1 : 0;
		if (is_letter(c))
			continue;
		if (i == 0 || !(is_digit(c) || c == '+' || c == '-' || c == '.'))
			return 0;
	}
	return 0;
}

/*
 * Splits raw into path and query, without scheme and authority. As in net/url the query is cut off
 * first: an authority cannot hold '?'.
 */
static int split(struct span method, struct span raw, struct target *ret, struct err *why)
{
	size_t scheme = scheme_length(raw);
	struct span rest = span_after(raw, scheme);
	size_t mark = span_find(rest, '?');

	ret->query = mark < rest.n ? span_after(rest, mark + 1) : (struct span){ NULL, 0 };
	rest.n = mark;
	if (rest.n == 0 || rest.s[0] != '/')
		return FAIL(why, 0, "its target is not a path");
	/*
	 * net/http puts "http://" before the target of a CONNECT, and could read it in another way.
	 */
	if (scheme > 0 && span_equal(method, SPAN("CONNECT")))
		return FAIL(why, 0, "its target is not a path");
	if (scheme > 0 && span_starts(rest, SPAN("//"))) {
		struct span authority = span_after(rest, 2);

		rest = span_after(authority, span_find(authority, '/'));
		if (rest.n == 0)
			return FAIL(why, 0, "its target has no path");
	}
	ret->path = rest;
	return 0;
}

/* Whether gorilla/mux serves the path as it is: its cleanPath would change nothing. */
static bool is_clean(struct span path)
{
	size_t start = 1;

	while (start < path.n) {
		struct span segment = span_after(path, start);

		segment.n = span_find(segment, '/');
		if (segment.n == 0 || span_equal(segment, SPAN(".")) ||
			span_equal(segment, SPAN("..")))
			return false;
		start += segment.n + 1;
	}
	return path.n > 0 && path.s[0] == '/';
}

/* The version prefix: "/v", then digits and dots, then "/" (mux pattern "/v{version:[0-9.]+}"). */
static void strip_version(struct target *t)
{
	size_t i = 2;

	if (!span_starts(t->path, SPAN("/v")))
		return;
	while (i < t->path.n && (is_digit(t->path.s[i]) || t->path.s[i] == '.'))
		i++;
	if (i == 2 || i == t->path.n || t->path.s[i] != '/')
		return;
	t->version = (struct span){ t->path.s + 1, i - 1 };
	t->path = span_after(t->path, i);
}

int target_parse(
	struct span method, struct span raw, char *scratch, struct target *ret, struct err *why)
{
	struct target t = { .version = { NULL, 0 } };

	if (check_bytes(raw, why) != 0 || split(method, raw, &t, why) != 0)
		return -1;
	if (span_find(t.path, '%') < t.path.n) {
		long n = target_unescape(t.path, scratch);

		if (n < 0)
			return FAIL(why, 0, "its path holds a bad percent escape");
		t.path = (struct span){ scratch, (size_t)n };
	}
	if (!is_clean(t.path))
		return FAIL(why, 0, "its path is not clean (//, /./ or /../)");
	strip_version(&t);
	*ret = t;
	return 0;
}

bool target_has_version(const struct target *t, unsigned minor)
{
	struct span text = t->version;
	unsigned n = 0;

	if (!span_starts(text, SPAN("v1.")) || text.n > strlen("v1.999"))
		return false;
	for (text = span_after(text, strlen("v1.")); text.n > 0; text = span_after(text, 1)) {
		if (text.s[0] < '0' || text.s[0] > '9')
			return false;
		n = n * 10 + (unsigned)(text.s[0] - '0');
	}
	return n >= minor;
}
