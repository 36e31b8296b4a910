#include "pending_requests.h"

#include <sys/queue.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"

enum {
	BUCKETS = 2048,
	PENDING_MOST = 4096, /* beyond, the oldest is dropped */
	KEY_MOST = 4096,     /* requests with longer ones are not tracked */
};

struct pending_request {
	LIST_ENTRY(pending_request) link;   /* of its bucket */
	TAILQ_ENTRY(pending_request) order; /* oldest first */
	uint64_t hash;
	unsigned count;
	bool ambiguous; /* several were pending at a time; stays until all have ended */
	char id[AUDIT_RECORD_ID_ROOM];
	size_t n;
	char key[];
};

LIST_HEAD(bucket, pending_request);
TAILQ_HEAD(pending_order, pending_request);

struct pending_requests {
	struct bucket buckets[BUCKETS];
	struct pending_order order;
	size_t count;
	char key[KEY_MOST]; /* the key to look for */
	size_t n;
	uint64_t hash;
};

struct pending_requests *pending_requests_new(void)
{
	struct pending_requests *p = mem_array(1, sizeof(*p));

	if (p)
		TAILQ_INIT(&p->order);
	return p;
}

static void add_part(struct pending_requests *p, struct span part)
{
	if (part.n > 0)
		memcpy(p->key + p->n, part.s, part.n);
	p->n += part.n;
	p->key[p->n++] = '\0';
}

/*
 * The key of a request: what AuthZRes will repeat. A NUL follows each part: HTTP methods and
 * targets have none, so different requests have different keys. False: too long.
 */
static bool set_key(
	struct pending_requests *p, struct span method, struct span target, struct span user)
{
	if (method.n + target.n + user.n + 3 > sizeof(p->key))
		return false;
	p->n = 0;
	add_part(p, method);
	add_part(p, target);
	add_part(p, user);
	p->hash = text_hash((struct span){ p->key, p->n });
	return true;
}

static struct pending_request *find(struct pending_requests *p)
{
	struct pending_request *one;

	LIST_FOREACH (one, &p->buckets[p->hash % BUCKETS], link) {
		if (one->hash == p->hash && one->n == p->n && memcmp(one->key, p->key, p->n) == 0)
			return one;
	}
	return NULL;
}

static void forget(struct pending_requests *p, struct pending_request *one)
{
	LIST_REMOVE(one, link);
	TAILQ_REMOVE(&p->order, one, order);
	p->count--;
	mem_free(one);
}

void pending_requests_add(struct pending_requests *p, const struct request *r, const char *id)
{
	struct pending_request *one;

	if (!set_key(p, r->method, r->target, r->user))
		return;
	one = find(p);
	if (one) {
		one->count++;
		one->ambiguous = true;
		if (id)
			text_copy(span_of(id), one->id, sizeof(one->id));
		return;
	}
	one = mem_alloc(sizeof(*one) + p->n);
	if (!one)
		return;
	one->hash = p->hash;
	one->count = 1;
	one->ambiguous = false;
	one->n = p->n;
	text_copy(span_of(id), one->id, sizeof(one->id));
	memcpy(one->key, p->key, p->n);
	if (p->count == PENDING_MOST)
		forget(p, TAILQ_FIRST(&p->order));
	LIST_INSERT_HEAD(&p->buckets[p->hash % BUCKETS], one, link);
	TAILQ_INSERT_TAIL(&p->order, one, order);
	p->count++;
}

static enum pending_match find_ended(struct pending_requests *p, char id[AUDIT_RECORD_ID_ROOM])
{
	struct pending_request *one = find(p);
	enum pending_match found;

	if (!one)
		return PENDING_UNKNOWN;
	found = one->ambiguous ? PENDING_AMBIGUOUS : PENDING_EXACT;
	text_copy(span_of(one->id), id, AUDIT_RECORD_ID_ROOM);
	if (--one->count == 0)
		forget(p, one);
	return found;
}

enum pending_match pending_requests_end(
	struct pending_requests *p, struct request_outcome *o, char id[AUDIT_RECORD_ID_ROOM])
{
	static const char *const pairs[] = { [PENDING_UNKNOWN] = "unknown",
		[PENDING_EXACT] = "exact",
		[PENDING_AMBIGUOUS] = "ambiguous" };
	enum pending_match found = PENDING_UNKNOWN;

	id[0] = '\0';
	if (set_key(p, o->method, o->target, o->user))
		found = find_ended(p, id);
	o->pair = pairs[found];
	o->decision = found == PENDING_EXACT ? id : NULL;
	return found;
}

void pending_requests_clear(struct pending_requests *p)
{
	struct pending_request *one;

	while ((one = TAILQ_FIRST(&p->order)) != NULL)
		forget(p, one);
}

void pending_requests_free(struct pending_requests *p)
{
	if (p)
		pending_requests_clear(p);
	mem_free(p);
}
