#include "dsp/core/base/json_value.h"

#include <errno.h>

#include "dsp/core/base/json_reader.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"

enum {
	MOST_DEPTH = 64,       /* no real client nests as deep; dockerd reads 10000 levels */
	MOST_VALUES = 1 << 18, /* bounds the memory of a tree, at 48 bytes a value */
	VALUE_TEXT = 16,       /* bytes of text for each value: most bodies need no more room */
	LEAST_ROOM = 8,
};

struct parser {
	struct json_reader reader;
	const char *text;
	struct json_value *values;
	size_t count;
	size_t room;
	const char *wrong; /* what is wrong, when it is not the syntax */
	bool no_memory;
};

/* Makes room for `most` values, or so many as a tree may have. All pointers to values change. */
static bool make_room(struct parser *p, size_t most)
{
	size_t room = most < MOST_VALUES ? most : MOST_VALUES;
	struct json_value *values;

	if (p->count == MOST_VALUES) {
		p->wrong = "holds too many values";
		return false;
	}
	values = mem_resize(p->values, room * sizeof(*values));
	if (!values) {
		p->no_memory = true;
		return false;
	}
	p->values = values;
	p->room = room;
	return true;
}

/* NOLINTBEGIN(misc-no-recursion): MOST_DEPTH bounds it. */
static bool parse_value(struct parser *p, struct span key, int depth);

static bool parse_string(struct parser *p, struct json_value *v)
{
	v->kind = JSON_VALUE_STRING;
	if (!json_reader_string(&p->reader, &v->text))
		return false;
	if (span_find(v->text, '\0') == v->text.n)
		return true;
	p->wrong = "holds a NUL character";
	return false;
}

static bool parse_object(struct parser *p, size_t at, int depth)
{
	struct span key;
	bool first = true;
	int more;

	p->values[at].kind = JSON_VALUE_OBJECT;
	while ((more = json_reader_member(&p->reader, &first, &key)) > 0) {
		if (!parse_value(p, key, depth + 1))
			return false;
		p->values[at].count++;
	}
	return more == 0;
}

static bool parse_list(struct parser *p, size_t at, int depth)
{
	static const struct span none = { NULL, 0 };

	p->values[at].kind = JSON_VALUE_LIST;
	(void)json_reader_accept(&p->reader, '[');
	if (json_reader_accept(&p->reader, ']'))
		return true;
	do {
		if (!parse_value(p, none, depth + 1))
			return false;
		p->values[at].count++;
	} while (json_reader_accept(&p->reader, ','));
	return json_reader_accept(&p->reader, ']');
}

static bool parse_word(struct parser *p, struct json_value *v)
{
	char c = json_reader_peek(&p->reader);

	v->kind = c == 't' ? JSON_VALUE_TRUE
		: c == 'f' ? JSON_VALUE_FALSE
		: c == 'n' ? JSON_VALUE_NULL
			   : JSON_VALUE_NUMBER;
	if (!json_reader_skip(&p->reader))
		return false;
	if (v->kind == JSON_VALUE_NUMBER)
		v->text = (struct span){ p->text + v->at,
			(size_t)(p->reader.at - p->text) - v->at };
	return true;
}

static bool parse_value(struct parser *p, struct span key, int depth)
{
	size_t at = p->count;
	char c = json_reader_peek(&p->reader);
	struct json_value *v;
	bool fine;

	if (at == p->room && !make_room(p, 2 * p->room))
		return false;
	p->count++;
	v = p->values + at;
	*v = (struct json_value){ .key = key, .at = (unsigned)(p->reader.at - p->text) };
	if (depth > MOST_DEPTH && (c == '{' || c == '[')) {
		p->wrong = "is nested too deep";
		return false;
	}
	if (c == '{')
		fine = parse_object(p, at, depth);
	else if (c == '[')
		fine = parse_list(p, at, depth);
	else if (c == '"')
		fine = parse_string(p, v);
	else
		fine = parse_word(p, v);
	v = p->values + at;
	v->size = (unsigned)(p->count - at) & 0xfffffU;
	v->end = (unsigned)(p->reader.at - p->text);
	return fine;
}
/* NOLINTEND(misc-no-recursion) */

int json_value_parse(char *text, size_t n, struct json_value **ret, size_t *where, struct err *why)
{
	static const struct span none = { NULL, 0 };
	struct parser p = { .reader = { text, text + n }, .text = text };
	bool parsed;

	*where = 0;
	parsed = make_room(&p, LEAST_ROOM + n / VALUE_TEXT) && parse_value(&p, none, 1);
	if (parsed && json_reader_at_end(&p.reader)) {
		*ret = p.values;
		return 0;
	}
	mem_free(p.values);
	if (p.no_memory)
		return FAIL(why, ENOMEM, "no memory to read it");
	if (parsed)
		p.wrong = "goes on after its JSON value";
	else if (!p.wrong && p.reader.at < p.reader.end &&
		text_utf8((struct span){ p.reader.at, (size_t)(p.reader.end - p.reader.at) }) == 0)
		p.wrong = "is not UTF-8";
	*where = (size_t)(p.reader.at - text);
	return FAIL(why, 0, "%s", p.wrong ? p.wrong : "is not JSON");
}

bool json_value_true(json_ref v)
{
	return v && v->kind == JSON_VALUE_TRUE;
}

struct span json_value_text(json_ref v)
{
	return v && v->kind == JSON_VALUE_STRING ? v->text : (struct span){ NULL, 0 };
}

struct span json_value_number(json_ref v)
{
	return v && v->kind == JSON_VALUE_NUMBER ? v->text : (struct span){ NULL, 0 };
}

bool json_value_integer(json_ref v, int64_t *ret)
{
	struct span digits = json_value_number(v);
	bool negative = span_starts(digits, SPAN("-"));
	int64_t n = 0; /* negated: there is one negative number more than positive ones */

	digits = span_after(digits, negative);
	if (digits.n == 0)
		return false;
	for (size_t i = 0; i < digits.n; i++) {
		int digit = digits.s[i] - '0';

		if (digit < 0 || digit > 9 || n < (INT64_MIN + digit) / 10)
			return false;
		n = n * 10 - digit;
	}
	if (!negative && n == INT64_MIN)
		return false;
	*ret = negative ? n : -n;
	return true;
}

bool json_value_empty(json_ref v)
{
	struct span digits = json_value_number(v);

	if (!v || v->kind == JSON_VALUE_NULL || v->kind == JSON_VALUE_FALSE)
		return true;
	if (v->kind == JSON_VALUE_TRUE)
		return false;
	if (v->kind != JSON_VALUE_NUMBER)
		return v->count == 0 && v->text.n == 0;
	/* A zero has no other digit before its exponent. */
	while (digits.n > 0 && strchr("-0.", digits.s[0]))
		digits = span_after(digits, 1);
	return digits.n == 0 || digits.s[0] == 'e' || digits.s[0] == 'E';
}

json_ref json_value_member(json_ref v, const char *name)
{
	struct span wanted = span_of(name);

	if (!v || v->kind != JSON_VALUE_OBJECT)
		return NULL;
	for (json_ref m = json_value_first(v); m; m = json_value_next(v, m)) {
		if (span_equal(m->key, wanted))
			return m;
	}
	return NULL;
}

struct span json_value_source(json_ref v, const char *source)
{
	return (struct span){ source + v->at, v->end - v->at };
}
