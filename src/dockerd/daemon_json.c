#include "daemon_json.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "dsp/core/base/mem.h"

/* Jansson has read the text and it is right, so what follows a value is easily told. */
struct member {
	size_t before; /* where the value before it ends, or the brace */
	size_t start;
	size_t value;
	size_t end;
};

/* The bytes from a to b give way to this. */
struct change {
	size_t from;
	size_t to;
	char *text; /* owned */
};

static const char blanks[] = " \t\r\n";

bool daemon_json_is_blank(struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (!memchr(blanks, text.s[i], sizeof(blanks) - 1))
			return false;
	}
	return true;
}

static size_t skip_blanks(struct span t, size_t at)
{
	while (at < t.n && memchr(blanks, t.s[at], sizeof(blanks) - 1))
		at++;
	return at;
}

static size_t skip_string(struct span t, size_t at)
{
	for (at++; at < t.n && t.s[at] != '"'; at++)
		at += t.s[at] == '\\';
	return at + 1;
}

/* Where the value at at ends. */
static size_t skip_value(struct span t, size_t at)
{
	size_t depth = 0;

	do {
		char c = t.s[at];

		if (c == '"') {
			at = skip_string(t, at);
			continue;
		}
		depth += c == '{' || c == '[';
		depth -= c == '}' || c == ']';
		at++;
		/* A number or a word is one value, however long. */
		while (depth == 0 && c != '}' && c != ']' && at < t.n &&
			!strchr(" \t\r\n,]}", t.s[at]))
			at++;
	} while (at < t.n && depth > 0);
	return at;
}

/* The next member of the object, or element of the list, before which *at stands. */
static bool next_member(struct span t, size_t *at, bool object, struct member *ret)
{
	size_t i = skip_blanks(t, *at);

	if (t.s[i] == ',' || t.s[i] == '{' || t.s[i] == '[')
		i = skip_blanks(t, i + 1);
	if (t.s[i] == '}' || t.s[i] == ']')
		return false;
	*ret = (struct member){ .before = *at, .start = i, .value = i };
	if (object) {
		i = skip_blanks(t, skip_string(t, i));
		ret->value = skip_blanks(t, i + 1);
	}
	ret->end = skip_value(t, ret->value);
	*at = ret->end;
	return true;
}

/* --- reading -----------------------------------------------------------------------------------*/

static json_t *read_object(struct span text, struct err *e)
{
	json_error_t why;
	json_t *o;

	if (daemon_json_is_blank(text))
		return json_object();
	o = json_loadb(text.s, text.n, JSON_REJECT_DUPLICATES, &why);
	if (!o) {
		err_set(e, 0, "line %d, column %d: %s", why.line, why.column, why.text);
		return NULL;
	}
	if (json_is_object(o))
		return o;
	json_decref(o);
	err_set(e, 0, "line 1: not an object");
	return NULL;
}

/* dockerd knows this spelling alone; and one in escapes would not be found in the text. */
static int check_keys(json_t *o, struct err *e)
{
	const char *key;
	json_t *value;

	json_object_foreach (o, key, value) {
		if (strcasecmp(key, PLUGINS_KEY) == 0 && strcmp(key, PLUGINS_KEY) != 0)
			return FAIL(e, 0, "\"%s\": dockerd knows \"%s\" alone", key, PLUGINS_KEY);
	}
	return 0;
}

static int check_list(const json_t *list, struct err *e)
{
	const json_t *name;
	size_t i;

	if (!list || json_is_null(list))
		return 0;
	if (!json_is_array(list))
		return FAIL(e, 0, "\"%s\" is not a list", PLUGINS_KEY);
	json_array_foreach (list, i, name) {
		if (!json_is_string(name))
			return FAIL(e, 0, "\"%s\" holds something else than names", PLUGINS_KEY);
	}
	return 0;
}

static json_t *read_checked(struct span text, struct err *e)
{
	json_t *o = read_object(text, e);

	if (o && (check_keys(o, e) != 0 || check_list(json_object_get(o, PLUGINS_KEY), e) != 0)) {
		json_decref(o);
		return NULL;
	}
	return o;
}

json_t *daemon_json_plugins(struct span text, struct err *e)
{
	json_auto_t *o = read_checked(text, e);
	json_t *list = json_object_get(o, PLUGINS_KEY);

	if (!o)
		return NULL;
	return json_is_array(list) ? json_incref(list) : json_array();
}

bool daemon_json_has(const json_t *plugins, const char *name)
{
	const json_t *v;
	size_t i;

	json_array_foreach (plugins, i, v) {
		if (strcmp(json_string_value(v), name) == 0)
			return true;
	}
	return false;
}

/* --- changing ----------------------------------------------------------------------------------*/

static char *join(struct span a, struct span b, struct span c)
{
	char *text = mem_alloc(a.n + b.n + c.n + 1);
	char *at = text;
	const struct span all[] = { a, b, c };

	if (!text)
		return NULL;
	for (size_t i = 0; i < 3; i++) {
		if (all[i].n > 0)
			memcpy(at, all[i].s, all[i].n);
		at += all[i].n;
	}
	*at = '\0';
	return text;
}

static char *apply(struct span t, const struct change *c)
{
	if (!c->text)
		return NULL;
	return join((struct span){ t.s, c->from }, span_of(c->text), span_after(t, c->to));
}

static bool find_list(struct span t, struct member *ret)
{
	size_t at = span_find(t, '{');

	while (next_member(t, &at, true, ret)) {
		if (span_starts(span_after(t, ret->start), SPAN("\"" PLUGINS_KEY "\"")))
			return true;
	}
	return false;
}

/* One more member or element in what is opened at open, after the others and as they are set. */
static void append(struct span t, size_t open, bool object, struct span item, struct change *c)
{
	struct member first = { .start = 0 };
	struct member last;
	size_t at = open;
	struct span gap;

	if (!next_member(t, &at, object, &first)) {
		*c = (struct change){ open + 1, skip_value(t, open) - 1, NULL };
		c->text = object ? join(SPAN("\n  "), item, SPAN("\n"))
				 : join(item, SPAN(""), SPAN(""));
		return;
	}
	while (next_member(t, &at, object, &last)) {
	}
	/* What stands before the first stands before each: a line's end and its indentation. */
	gap = (struct span){ t.s + open + 1, first.start - open - 1 };
	if (gap.n == 0 && !object)
		gap = SPAN(" ");
	*c = (struct change){ at, at, join(SPAN(","), gap, item) };
}

static char *add(struct span t, const char *name)
{
	AUTO_MEM char *quoted = join(SPAN("\""), span_of(name), SPAN("\""));
	AUTO_MEM char *member = quoted
		? join(SPAN("\"" PLUGINS_KEY "\": ["), span_of(quoted), SPAN("]"))
		: NULL;
	struct change c = { 0, 0, NULL };
	struct member list;
	char *made;

	if (!member)
		return NULL;
	if (daemon_json_is_blank(t))
		return join(SPAN("{\n  "), span_of(member), SPAN("\n}\n"));
	if (!find_list(t, &list))
		append(t, span_find(t, '{'), true, span_of(member), &c);
	else if (t.s[list.value] == '[')
		append(t, list.value, false, span_of(quoted), &c);
	else /* null */
		c = (struct change){ list.value, list.end,
			join(SPAN("["), span_of(quoted), SPAN("]")) };
	made = apply(t, &c);
	mem_free(c.text);
	return made;
}

/* Takes a member or element out together with one comma, if there is any. */
static char *cut(struct span t, size_t open, bool object, const struct member *m)
{
	struct member next;
	size_t at = m->end;

	if (m->before > open)
		return join((struct span){ t.s, m->before }, SPAN(""), span_after(t, m->end));
	if (next_member(t, &at, object, &next))
		return join((struct span){ t.s, m->start }, SPAN(""), span_after(t, next.start));
	return join(
		(struct span){ t.s, open + 1 }, SPAN(""), span_after(t, skip_value(t, open) - 1));
}

/* The text without the first entry of the name; it has one. */
static char *cut_name(struct span t, const char *name)
{
	struct member list = { .start = 0 };
	struct member entry = { .start = 0 };
	size_t count = 0;
	struct member m;
	size_t at;

	if (!find_list(t, &list))
		return NULL;
	at = list.value;
	while (next_member(t, &at, false, &m)) {
		struct span word = { t.s + m.value + 1, m.end - m.value - 2 };

		if (entry.end == 0 && span_equal(word, span_of(name)))
			entry = m;
		count++;
	}
	if (entry.end == 0)
		return NULL;
	return count == 1 ? cut(t, span_find(t, '{'), true, &list)
			  : cut(t, list.value, false, &entry);
}

/* --- proof -------------------------------------------------------------------------------------*/

static char *written(const json_t *o)
{
	return json_dumps(o, JSON_COMPACT | JSON_ENCODE_ANY);
}

/* Whether they are the same, in the order of their keys too. */
static bool is_equal(const json_t *a, const json_t *b)
{
	AUTO_MEM char *one = written(a);
	AUTO_MEM char *other = written(b);

	return one && other && strcmp(one, other) == 0;
}

/* Takes ownership of made, which must mean what want means. */
static char *proven(char *made, const json_t *want, struct err *e)
{
	json_auto_t *read = made ? read_object(span_of(made), e) : NULL;

	if (read && is_equal(read, want))
		return made;
	mem_free(made);
	err_set(e, 0, "\"%s\" is written in a way that only a hand can change", PLUGINS_KEY);
	return NULL;
}

char *daemon_json_add(struct span text, const char *name, struct err *e)
{
	json_auto_t *o = read_checked(text, e);
	json_t *list = json_object_get(o, PLUGINS_KEY);

	if (!o)
		return NULL;
	if (json_is_array(list))
		(void)json_array_append_new(list, json_string(name));
	else
		(void)json_object_set_new(o, PLUGINS_KEY, json_pack("[s]", name));
	return proven(add(text, name), o, e);
}

/* Takes the name out of the list, and an empty list out of the object. */
static void forget(json_t *o, const char *name)
{
	json_t *list = json_object_get(o, PLUGINS_KEY);

	for (size_t i = json_array_size(list); name && i > 0; i--) {
		if (strcmp(json_string_value(json_array_get(list, i - 1)), name) == 0)
			(void)json_array_remove(list, i - 1);
	}
	if (json_array_size(list) == 0)
		(void)json_object_del(o, PLUGINS_KEY);
}

char *daemon_json_remove(struct span text, const char *name, struct err *e)
{
	json_auto_t *o = read_checked(text, e);
	json_auto_t *before = json_deep_copy(o);
	AUTO_MEM char *made = mem_copy(text.s, text.n);
	const json_t *list = json_object_get(before, PLUGINS_KEY);
	const json_t *v;
	char *ret;
	size_t i;

	if (!o)
		return NULL;
	forget(o, name);
	json_array_foreach (list, i, v) {
		char *shorter;

		if (!made || strcmp(json_string_value(v), name) != 0)
			continue;
		shorter = cut_name(span_of(made), name);
		mem_free(made);
		made = shorter;
	}
	ret = made;
	made = NULL;
	return proven(ret, o, e);
}

bool daemon_json_same(struct span a, struct span b)
{
	struct err e;
	json_auto_t *one = read_checked(a, &e);
	json_auto_t *other = read_checked(b, &e);

	if (!one || !other)
		return false;
	forget(one, NULL);
	forget(other, NULL);
	return is_equal(one, other);
}

bool daemon_json_is_empty(struct span text)
{
	return daemon_json_same(text, SPAN("{}"));
}
