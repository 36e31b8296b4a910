#include "line_queue.h"

#include <errno.h>

#include "dsp/core/base/mem.h"

/* Before each line. */
struct head {
	uint32_t line;   /* bytes */
	uint16_t fields; /* bytes behind it */
	uint16_t kind;
};

int backlog_init(struct backlog *b, size_t size, struct err *e)
{
	*b = (struct backlog){ .size = size, .bytes = mem_alloc(size) };
	return b->bytes ? 0 : FAIL(e, ENOMEM, "the audit trail's queue");
}

void backlog_free(struct backlog *b)
{
	mem_free(b->bytes);
	b->bytes = NULL;
}

bool backlog_has_room(const struct backlog *b, size_t n)
{
	return n + sizeof(struct head) <= b->size - (size_t)(b->end - b->begin);
}

static void put(struct backlog *b, const void *bytes, size_t n)
{
	size_t at = (size_t)(b->end % b->size);
	size_t first = n < b->size - at ? n : b->size - at;

	if (n == 0)
		return;
	memcpy(b->bytes + at, bytes, first);
	/* What is behind the end goes to the beginning; most often nothing. */
	memcpy(b->bytes, (const char *)bytes + first, n - first);
	b->end += n;
}

static void get(const struct backlog *b, uint64_t from, void *out, size_t n)
{
	size_t at = (size_t)(from % b->size);
	size_t first = n < b->size - at ? n : b->size - at;

	if (n == 0)
		return;
	memcpy(out, b->bytes + at, first);
	memcpy((char *)out + first, b->bytes, n - first);
}

bool backlog_put(struct backlog *b, enum backlog_kind kind, struct span line, struct span fields)
{
	struct head h = { (uint32_t)line.n, (uint16_t)fields.n, (uint16_t)kind };

	if (!backlog_has_room(b, line.n + fields.n))
		return false;
	put(b, &h, sizeof(h));
	put(b, line.s, line.n);
	put(b, fields.s, fields.n);
	b->count++;
	return true;
}

struct backlog_view backlog_lines(const struct backlog *b, size_t skip, char *out, size_t cap)
{
	struct backlog_view v = { .lines = 0 };
	uint64_t at = b->begin;
	struct head h;

	for (size_t i = 0; i < skip; i++) {
		get(b, at, &h, sizeof(h));
		at += sizeof(h) + h.line + h.fields;
	}
	while (skip + v.lines < b->count) {
		get(b, at, &h, sizeof(h));
		if (h.line > cap - v.bytes)
			break;
		get(b, at + sizeof(h), out + v.bytes, h.line);
		v.bytes += h.line;
		v.kinds[h.kind]++;
		v.lines++;
		at += sizeof(h) + h.line + h.fields;
	}
	v.end = at;
	return v;
}

struct backlog_view backlog_first(const struct backlog *b, char *out)
{
	struct backlog_view v = { .lines = 0 };
	struct head h;

	if (b->count == 0)
		return v;
	get(b, b->begin, &h, sizeof(h));
	get(b, b->begin + sizeof(h), out, (size_t)h.line + h.fields);
	v.lines = 1;
	v.kinds[h.kind] = 1;
	v.bytes = h.line;
	v.fields = h.fields;
	v.end = b->begin + sizeof(h) + h.line + h.fields;
	return v;
}

enum backlog_kind backlog_take_first(struct backlog *b)
{
	struct head h;

	get(b, b->begin, &h, sizeof(h));
	b->begin += sizeof(h) + h.line + h.fields;
	b->count--;
	return (enum backlog_kind)h.kind;
}

void backlog_take(struct backlog *b, const struct backlog_view *v)
{
	b->begin = v->end;
	b->count -= v->lines;
}
