#include "pending_requests.h"

#include <sys/queue.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"

enum {
	BUCKETS = 2048,
	FLIGHTS_MOST = 4096, /* beyond, the one that began first is forgotten */
	KEY_MOST = 4096,     /* longer ones are not known */
};

struct flight {
	LIST_ENTRY(flight) link;   /* of its bucket */
	TAILQ_ENTRY(flight) order; /* by their beginning */
	uint64_t hash;
	unsigned count;
	bool ambiguous; /* there were several at a time, until all have ended */
	char id[AUDIT_RECORD_ID_ROOM];
	size_t n;
	char key[];
};

LIST_HEAD(bucket, flight);
TAILQ_HEAD(flight_order, flight);

struct flights {
	struct bucket buckets[BUCKETS];
	struct flight_order order;
	size_t count;
	char key[KEY_MOST]; /* the one that is looked for */
	size_t n;
	uint64_t hash;
};

struct flights *flights_new(void)
{
	struct flights *f = mem_array(1, sizeof(*f));

	if (f)
		TAILQ_INIT(&f->order);
	return f;
}

static void add_part(struct flights *f, struct span part)
{
	if (part.n > 0)
		memcpy(f->key + f->n, part.s, part.n);
	f->n += part.n;
	f->key[f->n++] = '\0';
}

/*
 * What dockerd will tell again; a NUL behind each part: methods and targets of HTTP have none, so
 * no two keys look alike.
 */
static bool set_key(struct flights *f, struct span method, struct span target, struct span user)
{
	if (method.n + target.n + user.n + 3 > sizeof(f->key))
		return false;
	f->n = 0;
	add_part(f, method);
	add_part(f, target);
	add_part(f, user);
	f->hash = text_hash((struct span){ f->key, f->n });
	return true;
}

static struct flight *find(struct flights *f)
{
	struct flight *one;

	LIST_FOREACH (one, &f->buckets[f->hash % BUCKETS], link) {
		if (one->hash == f->hash && one->n == f->n && memcmp(one->key, f->key, f->n) == 0)
			return one;
	}
	return NULL;
}

static void forget(struct flights *f, struct flight *one)
{
	LIST_REMOVE(one, link);
	TAILQ_REMOVE(&f->order, one, order);
	f->count--;
	mem_free(one);
}

void flights_begin(struct flights *f, const struct request *r, const char *id)
{
	struct flight *one;

	if (!set_key(f, r->method, r->target, r->user))
		return;
	one = find(f);
	if (one) {
		one->count++;
		one->ambiguous = true;
		if (id)
			text_copy(span_of(id), one->id, sizeof(one->id));
		return;
	}
	one = mem_alloc(sizeof(*one) + f->n);
	if (!one)
		return;
	one->hash = f->hash;
	one->count = 1;
	one->ambiguous = false;
	one->n = f->n;
	text_copy(span_of(id), one->id, sizeof(one->id));
	memcpy(one->key, f->key, f->n);
	if (f->count == FLIGHTS_MOST)
		forget(f, TAILQ_FIRST(&f->order));
	LIST_INSERT_HEAD(&f->buckets[f->hash % BUCKETS], one, link);
	TAILQ_INSERT_TAIL(&f->order, one, order);
	f->count++;
}

static enum flight_found find_ended(struct flights *f, char id[AUDIT_RECORD_ID_ROOM])
{
	struct flight *one = find(f);
	enum flight_found found;

	if (!one)
		return FLIGHT_UNKNOWN;
	found = one->ambiguous ? FLIGHT_AMBIGUOUS : FLIGHT_EXACT;
	text_copy(span_of(one->id), id, AUDIT_RECORD_ID_ROOM);
	if (--one->count == 0)
		forget(f, one);
	return found;
}

enum flight_found flights_end(
	struct flights *f, struct request_outcome *o, char id[AUDIT_RECORD_ID_ROOM])
{
	static const char *const pairs[] = { [FLIGHT_UNKNOWN] = "unknown",
		[FLIGHT_EXACT] = "exact",
		[FLIGHT_AMBIGUOUS] = "ambiguous" };
	enum flight_found found = FLIGHT_UNKNOWN;

	id[0] = '\0';
	if (set_key(f, o->method, o->target, o->user))
		found = find_ended(f, id);
	o->pair = pairs[found];
	o->decision = found == FLIGHT_EXACT ? id : NULL;
	return found;
}

void flights_forget(struct flights *f)
{
	struct flight *one;

	while ((one = TAILQ_FIRST(&f->order)) != NULL)
		forget(f, one);
}

void flights_free(struct flights *f)
{
	if (f)
		flights_forget(f);
	mem_free(f);
}
