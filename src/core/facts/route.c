#include "dsp/core/facts/route.h"

#include "dsp/core/base/nearest.h"

#define ROW(m, v, h, var1, mid, var2, pat, op, nm, sec, wr, bd, tp, st, p1, p2, p3, p4, t1, t2)    \
	{ .method = (m),                                                                           \
		.versioned = (v),                                                                  \
		.head = { (h), sizeof(h) - 1 },                                                    \
		.first = (var1),                                                                   \
		.middle = { (mid), sizeof(mid) - 1 },                                              \
		.second = (var2),                                                                  \
		.pattern = (pat),                                                                  \
		.operation = (op),                                                                 \
		.name = (nm),                                                                      \
		.section = (sec),                                                                  \
		.write = (wr),                                                                     \
		.body = (bd),                                                                      \
		.top = (tp),                                                                       \
		.schema = (st),                                                                    \
		.powers = { (p1), (p2), (p3), (p4) },                                              \
		.first_tag = (t1),                                                                 \
		.last_tag = (t2) },

static const struct route rows[] = { ROUTES_ROWS(ROW) };

const struct route *route_rows(size_t *count)
{
	*count = sizeof(rows) / sizeof(rows[0]);
	return rows;
}

enum operation operation_find(struct span name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (span_equal(name, span_of(rows[i].name)))
			return rows[i].operation;
	}
	return OPERATION_COUNT;
}

void operations_suggest(struct nearest *s)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		nearest_try(s, span_of(rows[i].name));
}

struct powerset route_powers(const struct route *route)
{
	struct powerset set = { { 0 } };

	for (size_t i = 0; i < ROUTE_POWERS_MOST && route->powers[i] != POWER_COUNT; i++)
		powerset_add(&set, route->powers[i]);
	return set;
}

enum method route_method(struct span method)
{
	static const struct {
		struct span name;
		enum method method;
	} names[] = {
		{ { "GET", 3 }, METHOD_GET },
		{ { "POST", 4 }, METHOD_POST },
		{ { "DELETE", 6 }, METHOD_DELETE },
		{ { "HEAD", 4 }, METHOD_HEAD },
		{ { "PUT", 3 }, METHOD_PUT },
		{ { "OPTIONS", 7 }, METHOD_OPTIONS },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (span_equal(method, names[i].name))
			return names[i].method;
	}
	return METHOD_OTHER;
}

/* {x:.*} and {x:.+}: all up to the text at the end; in Go's regexp "." does not match a newline. */
static bool match_spanning(const struct route *r, struct span rest, struct span *name)
{
	if (!span_ends(rest, r->middle))
		return false;
	*name = (struct span){ rest.s, rest.n - r->middle.n };
	return (name->n > 0 || r->first == VAR_ANY) && span_find(*name, '\n') == name->n;
}

/* {x}: one segment, [^/]+; then the text behind it and, in some rows, one segment more. */
static bool match_segments(const struct route *r, struct span rest, struct span *name)
{
	*name = (struct span){ rest.s, span_find(rest, '/') };
	rest = span_after(rest, name->n);
	if (name->n == 0 || !span_starts(rest, r->middle))
		return false;
	rest = span_after(rest, r->middle.n);
	if (r->second == VAR_NONE)
		return rest.n == 0;
	return rest.n > 0 && span_find(rest, '/') == rest.n;
}

static bool match(const struct route *r, struct span path, struct span *name)
{
	size_t head = r->head.n;
	size_t end = r->middle.n;
	struct span rest;

	/* Most rows differ in the last byte of the head, or of the end. */
	if (path.n < head || path.s[head - 1] != r->head.s[head - 1])
		return false;
	if (r->first != VAR_SEGMENT && end > 0 && path.s[path.n - 1] != r->middle.s[end - 1])
		return false;
	if (!span_starts(path, r->head))
		return false;
	rest = span_after(path, r->head.n);
	*name = (struct span){ rest.s, 0 };
	if (r->first == VAR_NONE)
		return rest.n == 0;
	if (r->first == VAR_SEGMENT)
		return match_segments(r, rest, name);
	return match_spanning(r, rest, name);
}

const struct route *route_find(enum method method, const struct target *t, struct span *name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct route *r = &rows[i];

		if (r->method != method && r->method != METHOD_ANY)
			continue;
		if (t->version.n > 0 && !r->versioned)
			continue;
		if (match(r, t->path, name))
			return r;
	}
	*name = (struct span){ NULL, 0 };
	return NULL;
}

bool route_is_plain(struct span name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.s[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    c == '_' || c == '.' || c == '-'))
			return false;
	}
	return name.n > 0;
}
