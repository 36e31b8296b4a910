#include "line_queue.h"

#include <errno.h>

#include "dsp/core/base/mem.h"

/* Before each line. */
struct head {
	uint32_t line;   /* bytes */
	uint16_t fields; /* bytes behind it */
	uint16_t kind;
};

int line_queue_init(struct line_queue *q, size_t size, struct err *e)
{
	*q = (struct line_queue){ .size = size, .bytes = mem_alloc(size) };
	return q->bytes ? 0 : FAIL(e, ENOMEM, "the queue of the audit log");
}

void line_queue_free(struct line_queue *q)
{
	mem_free(q->bytes);
	q->bytes = NULL;
}

bool line_queue_has_room(const struct line_queue *q, size_t n)
{
	return n + sizeof(struct head) <= q->size - (size_t)(q->end - q->begin);
}

static void put(struct line_queue *q, const void *bytes, size_t n)
{
	size_t at = (size_t)(q->end % q->size);
	size_t first = n < q->size - at ? n : q->size - at;

	if (n == 0)
		return;
	memcpy(q->bytes + at, bytes, first);
	/* The rest, most often nothing, goes to the beginning of the ring. */
	memcpy(q->bytes, (const char *)bytes + first, n - first);
	q->end += n;
}

static void get(const struct line_queue *q, uint64_t from, void *out, size_t n)
{
	size_t at = (size_t)(from % q->size);
	size_t first = n < q->size - at ? n : q->size - at;

	if (n == 0)
		return;
	memcpy(out, q->bytes + at, first);
	memcpy((char *)out + first, q->bytes, n - first);
}

bool line_queue_put(struct line_queue *q, enum line_kind kind, struct span line, struct span fields)
{
	struct head h = { (uint32_t)line.n, (uint16_t)fields.n, (uint16_t)kind };

	/* A queue that runs empty uses the same memory again, which is in the caches. */
	if (q->count == 0)
		q->begin = q->end = 0;
	if (!line_queue_has_room(q, line.n + fields.n))
		return false;
	put(q, &h, sizeof(h));
	put(q, line.s, line.n);
	put(q, fields.s, fields.n);
	q->count++;
	return true;
}

struct line_batch line_queue_copy(const struct line_queue *q, size_t skip, char *out, size_t cap)
{
	struct line_batch v = { .lines = 0 };
	uint64_t at = q->begin;
	struct head h;

	for (size_t i = 0; i < skip; i++) {
		get(q, at, &h, sizeof(h));
		at += sizeof(h) + h.line + h.fields;
	}
	while (skip + v.lines < q->count) {
		get(q, at, &h, sizeof(h));
		if (h.line > cap - v.bytes)
			break;
		get(q, at + sizeof(h), out + v.bytes, h.line);
		v.bytes += h.line;
		v.kinds[h.kind]++;
		v.lines++;
		at += sizeof(h) + h.line + h.fields;
	}
	v.end = at;
	return v;
}

struct line_batch line_queue_copy_first(const struct line_queue *q, char *out)
{
	struct line_batch v = { .lines = 0 };
	struct head h;

	if (q->count == 0)
		return v;
	get(q, q->begin, &h, sizeof(h));
	get(q, q->begin + sizeof(h), out, (size_t)h.line + h.fields);
	v.lines = 1;
	v.kinds[h.kind] = 1;
	v.bytes = h.line;
	v.fields = h.fields;
	v.end = q->begin + sizeof(h) + h.line + h.fields;
	return v;
}

enum line_kind line_queue_remove_first(struct line_queue *q)
{
	struct head h;

	get(q, q->begin, &h, sizeof(h));
	q->begin += sizeof(h) + h.line + h.fields;
	q->count--;
	return (enum line_kind)h.kind;
}

void line_queue_remove(struct line_queue *q, const struct line_batch *v)
{
	q->begin = v->end;
	q->count -= v->lines;
}
