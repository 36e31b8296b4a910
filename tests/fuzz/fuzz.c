#include "fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "dsp/system/log.h"

_Noreturn void fuzz_broken(const char *promise, const char *file, int line)
{
	(void)fprintf(stderr, "%s:%d: a promise is broken: %s\n", file, line, promise);
	abort();
}

/* In the place of standard error, for the service: what is logged is one printable line. */
PRINTF_LIKE(1, 0) static void check_line(const char *fmt, va_list args)
{
	char line[1024];

	(void)vsnprintf(line, sizeof(line), fmt, args);
	CHECK(fuzz_printable(line));
}

void log_line(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	check_line(fmt, args);
	va_end(args);
}

void log_fault(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	check_line(fmt, args);
	va_end(args);
}

void *fuzz_room(size_t n)
{
	void *room = malloc(n > 0 ? n : 1);

	CHECK(room != NULL);
	return room;
}

char *fuzz_copy(struct span in)
{
	char *copy = fuzz_room(in.n);

	if (in.n > 0)
		memcpy(copy, in.s, in.n);
	return copy;
}

struct span fuzz_line(struct span in, struct span *rest)
{
	size_t end = span_find(in, '\n');

	*rest = span_after(in, end < in.n ? end + 1 : end);
	return (struct span){ in.s, end };
}

bool fuzz_printable(const char *text)
{
	for (; *text; text++) {
		if (*text < 0x20 || *text > 0x7e)
			return false;
	}
	return true;
}

static int digit_of(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at ? (int)((at - digits) % 16) : -1;
}

bool fuzz_unescape(struct span in, bool plus, char *out, size_t *n)
{
	*n = 0;
	while (in.n > 0) {
		char c = in.s[0];
		size_t used = 1;

		if (c == '%') {
			int high = in.n > 1 ? digit_of(in.s[1]) : -1;
			int low = in.n > 2 ? digit_of(in.s[2]) : -1;

			if (high < 0 || low < 0)
				return false;
			c = (char)(high * 16 + low);
			used = 3;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		out[(*n)++] = c;
		in = span_after(in, used);
	}
	return true;
}

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

size_t fuzz_escape(struct span in, char *out)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++) {
		unsigned char c = (unsigned char)in.s[i];

		if (is_alphanumeric(in.s[i]) || c == '/') {
			out[n++] = in.s[i];
			continue;
		}
		out[n++] = '%';
		out[n++] = digits[c / 16];
		out[n++] = digits[c % 16];
	}
	return n;
}

/* The length of [A-Za-z][A-Za-z0-9+.-]*: at the start, or 0. */
static size_t scheme_of(struct span raw)
{
	size_t n = 0;

	while (n < raw.n &&
		(is_alphanumeric(raw.s[n]) ||
			(raw.s[n] != '\0' && strchr("+-.", raw.s[n]) != NULL)))
		n++;
	if (n == 0 || n == raw.n || raw.s[n] != ':')
		return 0;
	return is_alphanumeric(raw.s[0]) && (raw.s[0] < '0' || raw.s[0] > '9') ? n + 1 : 0;
}

static bool has_bad_byte(struct span raw)
{
	for (size_t i = 0; i < raw.n; i++) {
		unsigned char c = (unsigned char)raw.s[i];

		if (c < 0x20 || c == 0x7f)
			return true;
	}
	return raw.n > 0 && memmem(raw.s, raw.n, "\xef\xbf\xbd", 3) != NULL;
}

bool fuzz_target(
	struct span method, struct span raw, char *room, struct span *path, struct span *query)
{
	size_t mark = span_find(raw, '?');
	struct span before = { raw.s, mark };
	size_t scheme = scheme_of(before);

	*query = mark < raw.n ? span_after(raw, mark + 1) : SPAN("");
	before = span_after(before, scheme);
	if (has_bad_byte(raw) || before.n == 0 || before.s[0] != '/')
		return false;
	if (scheme > 0 && span_equal(method, SPAN("CONNECT")))
		return false;
	if (scheme > 0 && before.n > 1 && before.s[1] == '/') {
		before = span_after(before, 2);
		before = span_after(before, span_find(before, '/'));
		if (before.n == 0)
			return false;
	}
	path->s = room;
	return fuzz_unescape(before, false, room, &path->n) && fuzz_clean(*path);
}

/* Rebuilds the path from its segments, as path.Clean does, and compares. */
bool fuzz_clean(struct span path)
{
	char *built = fuzz_room(path.n + 2);
	struct span rest = path;
	size_t n = 0;
	bool same;

	while (rest.n > 0) {
		struct span segment = { rest.s, span_find(rest, '/') };

		rest = span_after(rest, segment.n < rest.n ? segment.n + 1 : segment.n);
		if (segment.n == 0 || span_equal(segment, SPAN(".")))
			continue;
		if (span_equal(segment, SPAN(".."))) {
			while (n > 0 && built[n - 1] != '/')
				n--;
			n -= n > 0;
			continue;
		}
		built[n++] = '/';
		memcpy(built + n, segment.s, segment.n);
		n += segment.n;
	}
	if (n == 0 || (path.n > 0 && path.s[path.n - 1] == '/'))
		built[n++] = '/';
	same = span_equal(path, (struct span){ built, n });
	free(built);
	return same;
}

size_t fuzz_base64(struct span in, char *out)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned bits = 0;
	size_t used = span_find(in, '=');
	size_t n = 0;

	CHECK(in.n % 4 == 0 && in.n - used <= 2);
	for (size_t i = 0; i < used; i++) {
		const char *at = strchr(alphabet, in.s[i]);

		CHECK(in.s[i] != '\0' && at != NULL);
		bits = (bits << 6 | (unsigned)(at - alphabet)) & 0xffffff;
		if (i % 4 > 0)
			out[n++] = (char)(bits >> (6 - 2 * (i % 4)) & 0xff);
	}
	/* What is left over are zeros, before one '=' or two. */
	CHECK(used == in.n || in.s[in.n - 1] == '=');
	CHECK(used == in.n || (bits & (used % 4 == 3 ? 3 : 15)) == 0);
	return n;
}
