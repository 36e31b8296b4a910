#include "dsp/core/base/json_value.h"

#include <errno.h>

#include "dsp/core/base/json_reader.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"

enum {
	MOST_DEPTH = 64,       /* more than any real client nests; dockerd goes to 10000 */
	MOST_VALUES = 1 << 18, /* bounds what a tree takes: 48 bytes a value */
};

struct builder {
	struct json_reader reader;
	const char *text;
	struct json_value *values;
	size_t count;
	size_t room;
	const char *wrong; /* what is, when it is not the syntax */
};

/* NOLINTBEGIN(misc-no-recursion): MOST_DEPTH bounds it. */
static bool build(struct builder *b, struct span key, int depth);

static bool build_string(struct builder *b, struct json_value *v)
{
	v->kind = JSON_VALUE_STRING;
	if (!json_reader_string(&b->reader, &v->text))
		return false;
	if (span_find(v->text, '\0') == v->text.n)
		return true;
	b->wrong = "holds a NUL character";
	return false;
}

static bool build_object(struct builder *b, size_t at, int depth)
{
	struct span key;
	bool first = true;
	int more;

	b->values[at].kind = JSON_VALUE_OBJECT;
	while ((more = json_reader_member(&b->reader, &first, &key)) > 0) {
		if (!build(b, key, depth + 1))
			return false;
		b->values[at].count++;
	}
	return more == 0;
}

static bool build_list(struct builder *b, size_t at, int depth)
{
	static const struct span none = { NULL, 0 };

	b->values[at].kind = JSON_VALUE_LIST;
	(void)json_reader_accept(&b->reader, '[');
	if (json_reader_accept(&b->reader, ']'))
		return true;
	do {
		if (!build(b, none, depth + 1))
			return false;
		b->values[at].count++;
	} while (json_reader_accept(&b->reader, ','));
	return json_reader_accept(&b->reader, ']');
}

static bool build_word(struct builder *b, struct json_value *v)
{
	char c = json_reader_peek(&b->reader);

	v->kind = c == 't' ? JSON_VALUE_TRUE
		: c == 'f' ? JSON_VALUE_FALSE
		: c == 'n' ? JSON_VALUE_NULL
			   : JSON_VALUE_NUMBER;
	return json_reader_skip(&b->reader);
}

static bool build(struct builder *b, struct span key, int depth)
{
	size_t at = b->count;
	struct json_value *v = b->values + at;
	char c = json_reader_peek(&b->reader);
	bool fine;

	if (at == b->room)
		return false;
	b->count++;
	*v = (struct json_value){ .key = key, .at = (unsigned)(b->reader.at - b->text) };
	if (depth > MOST_DEPTH && (c == '{' || c == '[')) {
		b->wrong = "is nested too deep";
		return false;
	}
	if (c == '{')
		fine = build_object(b, at, depth);
	else if (c == '[')
		fine = build_list(b, at, depth);
	else if (c == '"')
		fine = build_string(b, v);
	else
		fine = build_word(b, v);
	v->size = (unsigned)(b->count - at);
	v->end = (unsigned)(b->reader.at - b->text);
	return fine;
}
/* NOLINTEND(misc-no-recursion) */

/* How many values a text holds at most: each but the first comes right after one of these. */
static size_t most_values(const char *text, size_t n)
{
	size_t most = 1;

	for (size_t i = 0; i < n; i++)
		most += text[i] == ',' || text[i] == '[' || text[i] == '{';
	return most;
}

int json_value_parse(char *text, size_t n, struct json_value **ret, size_t *where, struct err *why)
{
	static const struct span none = { NULL, 0 };
	struct builder b = {
		.reader = { text, text + n }, .text = text, .room = most_values(text, n)
	};
	bool built;

	*where = 0;
	if (b.room > MOST_VALUES)
		return FAIL(why, 0, "holds too many values");
	b.values = mem_alloc(b.room * sizeof(*b.values));
	if (!b.values)
		return FAIL(why, ENOMEM, "no memory to read it");
	built = build(&b, none, 1);
	if (built && json_reader_at_end(&b.reader)) {
		*ret = b.values;
		return 0;
	}
	mem_free(b.values);
	if (built)
		b.wrong = "goes on after its JSON value";
	else if (!b.wrong && b.reader.at < b.reader.end &&
		text_utf8((struct span){ b.reader.at, (size_t)(b.reader.end - b.reader.at) }) == 0)
		b.wrong = "is not UTF-8";
	*where = (size_t)(b.reader.at - text);
	return FAIL(why, 0, "%s", b.wrong ? b.wrong : "is not JSON");
}

bool json_value_given(json_ref v)
{
	return v && v->kind != JSON_VALUE_NULL;
}

bool json_value_true(json_ref v)
{
	return v && v->kind == JSON_VALUE_TRUE;
}

struct span json_value_text(json_ref v)
{
	return v ? v->text : (struct span){ NULL, 0 };
}

json_ref json_value_first(json_ref v)
{
	if (!v || v->kind == JSON_VALUE_STRING)
		return v;
	return v->count > 0 ? v + 1 : NULL;
}

json_ref json_value_next(json_ref v, json_ref member)
{
	json_ref next = member + member->size;

	return next < v + v->size ? next : NULL;
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
