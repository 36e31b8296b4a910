#include "dsp/owners/expected.h"

#include <sys/queue.h>

#include "dsp/core/base/mem.h"

enum {
	ENTRIES_MOST = 1024, /* of each list: beyond, the oldest is dropped */
	TEXTS_MOST = 16384,  /* bytes of an entry */
	OLD_MS = 10 * 60 * 1000,
};

struct entry {
	TAILQ_ENTRY(entry) link;
	uint64_t at;
	bool unsure;          /* another may have ended in its place, or it in another's */
	struct expectation e; /* its spans point into text */
	char text[];
};

TAILQ_HEAD(entries, entry);

struct list {
	struct entries entries; /* oldest first */
	size_t count;
};

struct expected {
	struct list pending;
	struct list departed;
	struct entry *ended; /* what expected_end reported last */
};

struct expected *expected_new(void)
{
	struct expected *x = mem_array(1, sizeof(*x));

	if (x) {
		TAILQ_INIT(&x->pending.entries);
		TAILQ_INIT(&x->departed.entries);
	}
	return x;
}

static void take_out(struct list *list, struct entry *entry)
{
	TAILQ_REMOVE(&list->entries, entry, link);
	list->count--;
}

static void clear(struct list *list)
{
	struct entry *entry;

	while ((entry = TAILQ_FIRST(&list->entries)) != NULL) {
		take_out(list, entry);
		mem_free(entry);
	}
}

void expected_free(struct expected *x)
{
	if (!x)
		return;
	clear(&x->pending);
	clear(&x->departed);
	mem_free(x->ended);
	mem_free(x);
}

/* --- lists -------------------------------------------------------------------------------------*/

/* False: one is lost, it or another that is not old. */
static bool add(struct list *list, const struct expectation *e, uint64_t now)
{
	struct entry *entry;
	bool kept = true;
	size_t n = 0;

	for (size_t i = 0; i < EXPECTED_TEXTS; i++)
		n += e->texts[i].n;
	entry = n <= TEXTS_MOST ? mem_alloc(sizeof(*entry) + n + 1) : NULL;
	if (!entry)
		return false;
	entry->at = now;
	entry->unsure = false;
	entry->e = *e;
	n = 0;
	for (size_t i = 0; i < EXPECTED_TEXTS; i++) {
		if (e->texts[i].n > 0)
			memcpy(entry->text + n, e->texts[i].s, e->texts[i].n);
		entry->e.texts[i].s = entry->text + n;
		n += e->texts[i].n;
	}
	TAILQ_INSERT_TAIL(&list->entries, entry, link);
	if (++list->count > ENTRIES_MOST) {
		entry = TAILQ_FIRST(&list->entries);
		kept = now - entry->at > OLD_MS;
		take_out(list, entry);
		mem_free(entry);
	}
	return kept;
}

static bool matches(const struct expectation *e, const struct expectation *wanted)
{
	for (size_t i = 0; i < EXPECTED_TEXTS; i++) {
		bool any = i > EXPECTED_USER && wanted->texts[i].n == 0;

		if (!any && !span_equal(wanted->texts[i], e->texts[i]))
			return false;
	}
	return e->kind == wanted->kind;
}

/* Makes all entries unsure that match; wanted NULL: all. */
static void make_unsure(struct list *list, const struct expectation *wanted)
{
	struct entry *entry;

	TAILQ_FOREACH (entry, &list->entries, link)
		entry->unsure = entry->unsure || !wanted || matches(&entry->e, wanted);
}

static bool means_the_same(const struct expectation *a, const struct expectation *b)
{
	for (size_t i = EXPECTED_SUBJECT; i < EXPECTED_TEXTS; i++) {
		if (!span_equal(a->texts[i], b->texts[i]))
			return false;
	}
	return a->fresh == b->fresh;
}

/* --- requests ----------------------------------------------------------------------------------*/

/* Of two that make the same volume at a time, dsp cannot know which one dockerd will hear first. */
static bool spoil_others(struct expected *x, const struct expectation *e)
{
	bool spoilt = false;
	struct entry *entry;

	TAILQ_FOREACH (entry, &x->pending.entries, link) {
		if (!entry->e.fresh || means_the_same(&entry->e, e) ||
			!span_equal(entry->e.texts[EXPECTED_NAME], e->texts[EXPECTED_NAME]))
			continue;
		entry->e.fresh = false;
		spoilt = true;
	}
	return spoilt;
}

void expected_add(struct expected *x, const struct expectation *e, uint64_t now)
{
	struct expectation copy = *e;

	if (copy.fresh && copy.texts[EXPECTED_NAME].n > 0)
		copy.fresh = !spoil_others(x, e);
	if (!add(&x->pending, &copy, now))
		make_unsure(&x->pending, NULL);
}

enum expected_found expected_end(struct expected *x, struct expectation *e)
{
	struct entry *first = NULL;
	bool same = true;
	struct entry *entry;

	TAILQ_FOREACH (entry, &x->pending.entries, link) {
		if (!matches(&entry->e, e))
			continue;
		if (!first)
			first = entry;
		same = same && !entry->unsure && means_the_same(&first->e, &entry->e);
	}
	mem_free(x->ended);
	x->ended = first;
	if (!first)
		return EXPECTED_NONE;
	take_out(&x->pending, first);
	if (!same) {
		make_unsure(&x->pending, e);
		return EXPECTED_UNSURE;
	}
	*e = first->e;
	return EXPECTED_ONE;
}

bool expected_makes(const struct expected *x, enum attribute_kind kind, uint64_t now)
{
	const struct entry *entry;

	TAILQ_FOREACH_REVERSE(entry, &x->pending.entries, entries, link)
	{
		if (now - entry->at > OLD_MS)
			break;
		if (entry->e.makes && entry->e.kind == kind)
			return true;
	}
	return false;
}

void expected_clear(struct expected *x)
{
	clear(&x->pending);
}

/* --- containers that are gone ------------------------------------------------------------------*/

void expected_add_departed(struct expected *x, const struct expectation *e, uint64_t now)
{
	if (e->texts[EXPECTED_NAME].n > 0)
		(void)add(&x->departed, e, now);
}

bool expected_find_departed(const struct expected *x, struct span name, struct span subject,
	uint64_t now, struct span *owner)
{
	const struct entry *entry;

	TAILQ_FOREACH_REVERSE(entry, &x->departed.entries, entries, link)
	{
		if (now - entry->at > OLD_MS)
			break;
		if (span_equal(entry->e.texts[EXPECTED_NAME], name) &&
			span_equal(entry->e.texts[EXPECTED_SUBJECT], subject)) {
			*owner = entry->e.texts[EXPECTED_OWNER];
			return true;
		}
	}
	return false;
}
