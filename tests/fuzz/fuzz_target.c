/*
 * target_parse and route_find. Input: METHOD, newline, RequestUri. The target is read as net/url
 * would; the row is the first whose pattern matches as a regular expression; and a path that is
 * escaped anew is the same operation.
 */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

#include "dsp/core/facts/route.h"
#include "dsp/core/parse/target.h"
#include "fuzz.h"

enum { ROWS_MOST = 256 };

/* "{x}" as "([^/]+)", "{x:.*}" as "([^\n]*)", "{x:.+}" as "([^\n]+)"; all else is literal. */
static void compile(const char *pattern, regex_t *ret)
{
	char text[512] = "^";
	size_t n = 1;

	while (*pattern) {
		const char *close = strchr(pattern, '}');

		if (*pattern != '{') {
			n += (size_t)snprintf(text + n, sizeof(text) - n,
				strchr(".+*[]()^$|?\\", *pattern) ? "\\%c" : "%c", *pattern);
			pattern++;
			continue;
		}
		CHECK(close != NULL);
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s",
			strncmp(close - 3, ":.*", 3) == 0           ? "([^\n]*)"
				: strncmp(close - 3, ":.+", 3) == 0 ? "([^\n]+)"
								    : "([^/]+)");
		pattern = close + 1;
	}
	(void)snprintf(text + n, sizeof(text) - n, "$");
	CHECK(regcomp(ret, text, REG_EXTENDED) == 0);
}

/* Whether a pattern takes a path, which may hold NUL, and what its first variable is then. */
static bool takes(const regex_t *pattern, struct span path, struct span *name)
{
	char *copy = fuzz_room(path.n + 1);
	regmatch_t m[2] = { { 0, (regoff_t)path.n }, { -1, -1 } };
	bool taken;

	memcpy(copy, path.s, path.n);
	copy[path.n] = '\0';
	taken = regexec(pattern, copy, 2, m, REG_STARTEND) == 0;
	*name = SPAN("");
	if (taken && m[1].rm_so >= 0)
		*name = (struct span){ path.s + m[1].rm_so, (size_t)(m[1].rm_eo - m[1].rm_so) };
	free(copy);
	return taken;
}

static const struct route *find(enum method method, const struct target *t, struct span *name)
{
	static regex_t compiled[ROWS_MOST];
	static bool ready;
	size_t count;
	const struct route *rows = route_rows(&count);

	CHECK(count <= ROWS_MOST);
	for (size_t i = 0; i < count && !ready; i++)
		compile(rows[i].pattern, &compiled[i]);
	ready = true;
	for (size_t i = 0; i < count; i++) {
		if ((rows[i].method == method || rows[i].method == METHOD_ANY) &&
			(t->version.n == 0 || rows[i].versioned) &&
			takes(&compiled[i], t->path, name))
			return &rows[i];
	}
	*name = SPAN("");
	return NULL;
}

/* Version, path and query as read are those that are there. */
static void check_reading(struct span method, struct span raw, const struct target *t)
{
	char *room = fuzz_room(raw.n);
	struct span path = SPAN("");
	struct span query;

	CHECK(fuzz_target(method, raw, room, &path, &query));
	CHECK(span_equal(query, t->query));
	if (t->version.n > 0) {
		CHECK(path.n > t->version.n && path.s[0] == '/');
		path = span_after(path, 1);
		CHECK(span_starts(path, t->version) && t->version.s[0] == 'v');
		path = span_after(path, t->version.n);
	}
	CHECK(span_equal(path, t->path));
	free(room);
}

/* The same path, with an escape wherever one can stand, is the same operation on the same name. */
static void check_again(
	struct span method, const struct target *t, const struct route *route, struct span name)
{
	char *raw = fuzz_room(3 * (t->version.n + t->path.n) + 2);
	char *scratch;
	struct target again;
	struct span name_again;
	struct err why;
	size_t n = 0;

	if (t->version.n > 0) {
		raw[n++] = '/';
		n += fuzz_escape(t->version, raw + n);
	}
	n += fuzz_escape(t->path, raw + n);
	scratch = fuzz_room(n);
	CHECK(target_parse(method, (struct span){ raw, n }, scratch, &again, &why) == 0);
	CHECK(span_equal(again.path, t->path) && span_equal(again.version, t->version));
	CHECK(route_find(route_method(method), &again, &name_again) == route);
	CHECK(span_equal(name_again, name));
	free(scratch);
	free(raw);
}

static void check_refusal(struct span method, struct span raw, const struct err *why)
{
	char *room = fuzz_room(raw.n);
	struct span path;
	struct span query;

	CHECK(!fuzz_target(method, raw, room, &path, &query));
	CHECK(strncmp(why->text, "its ", 4) == 0 && fuzz_printable(why->text));
	free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span raw = { (const char *)data, size };
	struct span method = fuzz_line(raw, &raw);
	char *copy = fuzz_copy(raw);
	char *scratch = fuzz_room(raw.n);
	struct target t;
	struct span name;
	struct span expected = SPAN("");
	struct err why;

	raw.s = copy;
	if (target_parse(method, raw, scratch, &t, &why) != 0) {
		check_refusal(method, raw, &why);
	} else {
		const struct route *route = route_find(route_method(method), &t, &name);

		check_reading(method, raw, &t);
		CHECK(route == find(route_method(method), &t, &expected));
		CHECK(span_equal(name, expected));
		check_again(method, &t, route, name);
	}
	free(scratch);
	free(copy);
	return 0;
}
