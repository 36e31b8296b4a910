#include "dsp/dockerd/json_edit.h"

#include <jansson.h>
#include <string.h>

#include "dsp/core/base/mem.h"

char *json_text_join(const struct span *parts, size_t count)
{
	size_t n = 0;
	char *text;
	char *at;

	for (size_t i = 0; i < count; i++)
		n += parts[i].n;
	text = mem_alloc(n + 1);
	if (!text)
		return NULL;
	at = text;
	for (size_t i = 0; i < count; i++) {
		if (parts[i].n > 0)
			memcpy(at, parts[i].s, parts[i].n);
		at += parts[i].n;
	}
	*at = '\0';
	return text;
}

/* The text without the bytes from `from` to `to`. */
static char *cut(struct span text, size_t from, size_t to)
{
	return json_text_join((struct span[]){ { text.s, from }, span_after(text, to) }, 2);
}

bool json_document_parse(struct span text, struct json_document *ret)
{
	struct err why;
	size_t where;

	*ret = (struct json_document){ .text = text, .copy = mem_copy(text.s, text.n) };
	return ret->copy && json_value_parse(ret->copy, text.n, &ret->top, &where, &why) == 0 &&
		ret->top->kind == JSON_VALUE_OBJECT;
}

void json_document_free(struct json_document *d)
{
	mem_free(d->top);
	mem_free(d->copy);
}

size_t json_document_start(const struct json_document *d, json_ref child)
{
	return child->key.s ? (size_t)(child->key.s - d->copy) - 1 : child->at;
}

char *json_document_add(const struct json_document *d, json_ref parent, struct span item)
{
	bool object = parent->kind == JSON_VALUE_OBJECT;
	json_ref first = json_value_first(parent);
	json_ref last = first;
	struct span begin = { d->text.s, parent->at + 1 };
	struct span gap;

	if (!first)
		return json_text_join((struct span[]){ begin, object ? SPAN("\n  ") : SPAN(""),
					      item, object ? SPAN("\n") : SPAN(""),
					      span_after(d->text, parent->end - 1) },
			5);
	/* Usually the end of a line and the indentation. */
	gap = (struct span){ d->text.s + begin.n, json_document_start(d, first) - begin.n };
	if (gap.n == 0 && !object)
		gap = SPAN(" ");
	for (json_ref next = first; next; next = json_value_next(parent, next))
		last = next;
	return json_text_join((struct span[]){ { d->text.s, last->end }, SPAN(","), gap, item,
				      span_after(d->text, last->end) },
		5);
}

char *json_document_remove(const struct json_document *d, json_ref parent, json_ref child)
{
	json_ref next = json_value_next(parent, child);
	json_ref prev = NULL;

	for (json_ref at = json_value_first(parent); at != child; at = json_value_next(parent, at))
		prev = at;
	if (prev)
		return cut(d->text, prev->end, child->end);
	if (next)
		return cut(d->text, json_document_start(d, child), json_document_start(d, next));
	return cut(d->text, parent->at + 1, parent->end - 1);
}

char *json_document_replace(const struct json_document *d, json_ref value, struct span item)
{
	return json_text_join(
		(struct span[]){ { d->text.s, value->at }, item, span_after(d->text, value->end) },
		3);
}

bool json_same(const json_t *a, const json_t *b)
{
	AUTO_MEM char *one = json_dumps(a, JSON_COMPACT);
	AUTO_MEM char *other = json_dumps(b, JSON_COMPACT);

	return one && other && strcmp(one, other) == 0;
}
