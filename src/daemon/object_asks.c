#include "object_asks.h"

#include <errno.h>
#include <stdlib.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/system/clock.h"

struct object_asks {
	struct resolver *resolver;
	TAILQ_HEAD(, object_ask) all;
	char path[108]; /* of the socket, when the last ask began */
	unsigned sent;
	struct object_ask_counts counts;
};

struct object_asks *object_asks_new(struct resolver *resolver, struct err *e)
{
	struct object_asks *s = mem_array(1, sizeof(*s));

	if (!s) {
		err_set(e, ENOMEM, "what dsp-resolve is asked");
		return NULL;
	}
	s->resolver = resolver;
	TAILQ_INIT(&s->all);
	return s;
}

static void drop(struct object_asks *s, struct object_ask *a)
{
	TAILQ_REMOVE(&s->all, a, link);
	mem_list_free(&a->memory);
	mem_free(a);
}

void object_asks_free(struct object_asks *s)
{
	struct object_ask *a;

	while (s && (a = TAILQ_FIRST(&s->all)) != NULL)
		drop(s, a);
	mem_free(s);
}

void object_asks_release(struct object_asks *s, struct object_ask *a)
{
	if (a && --a->owners == 0)
		drop(s, a);
}

static void fail(struct object_asks *s, struct object_ask *a, const char *trouble)
{
	a->state = ASK_ENDED;
	a->result = RESOLVE_FAILED;
	text_copy(span_of(trouble), a->trouble, sizeof(a->trouble));
	s->counts.failed++;
}

static void send_ask(struct object_asks *s, struct object_ask *a)
{
	const struct resolver_request q = { a->kind, span_of(a->reference), a };
	struct err e;

	if (resolver_ask(s->resolver, s->path, &q, &e) == 0) {
		a->state = ASK_SENT;
		a->sent_us = clock_us();
		a->owners++;
		s->sent++;
	} else {
		fail(s, a, e.text);
	}
}

/* Sends what waits, as far as the resolver has room. */
static void send_waiting(struct object_asks *s)
{
	struct object_ask *a;

	TAILQ_FOREACH (a, &s->all, link) {
		if (s->sent >= OBJECT_ASKS_MOST)
			break;
		if (a->state == ASK_WAITS)
			send_ask(s, a);
	}
}

/* An ask that can be shared: dockerd has not been asked yet. */
static struct object_ask *find(struct object_asks *s, enum resolve_kind kind, struct span reference)
{
	struct object_ask *a;

	TAILQ_FOREACH (a, &s->all, link) {
		if (a->kind == kind && a->state != ASK_ENDED && !a->seen &&
			span_equal(span_of(a->reference), reference))
			return a;
	}
	return NULL;
}

struct object_ask *object_asks_ask(
	struct object_asks *s, const char *path, enum resolve_kind kind, struct span reference)
{
	struct object_ask *a = find(s, kind, reference);

	if (a) {
		a->owners++;
		return a;
	}
	a = mem_array(1, sizeof(*a));
	if (!a)
		return NULL;
	a->owners = 1;
	a->kind = kind;
	TAILQ_INSERT_TAIL(&s->all, a, link);
	if (kind != RESOLVE_INFO && !resolve_reference_is_valid(reference)) {
		fail(s, a, "dsp cannot ask for such a name; use the id");
		return a;
	}
	text_copy(reference, a->reference, sizeof(a->reference));
	text_copy(span_of(path), s->path, sizeof(s->path));
	send_waiting(s);
	return a;
}

/*
 * Each ask leads to one request. Where an earlier one that is no longer waited for comes late, the
 * next one counts as begun too early, and is shared less.
 */
void object_asks_seen(
	struct object_asks *s, enum resolve_kind kind, struct span reference, pid_t dockerd)
{
	struct object_ask *a;

	if (!s)
		return;
	TAILQ_FOREACH (a, &s->all, link) {
		if (a->kind != kind || a->state != ASK_SENT ||
			(kind != RESOLVE_IDS && !span_equal(span_of(a->reference), reference)))
			continue;
		a->seen_by = !a->seen || a->seen_by == dockerd ? dockerd : -1;
		a->seen = true;
	}
}

bool object_ask_is_of(const struct object_ask *a, pid_t dockerd)
{
	return a->seen && a->seen_by == dockerd;
}

/* --- answers -----------------------------------------------------------------------------------*/

static struct span copy(char **at, struct span from)
{
	struct span to = { *at, from.n };

	if (from.n > 0)
		memcpy(*at, from.s, from.n);
	*at += from.n;
	return to;
}

static size_t size_of(const struct resolve_answer *r)
{
	size_t size = 1;

	for (size_t i = 0; i < RESOLVE_TEXTS; i++)
		size += r->texts[i].n;
	for (json_ref l = json_value_first(r->labels); l; l = json_value_next(r->labels, l))
		size += l->key.n + json_value_text(l).n;
	return size;
}

static int compare_keys(const void *a, const void *b)
{
	const struct span x = ((const struct object_label *)a)->key;
	const struct span y = ((const struct object_label *)b)->key;
	int order = memcmp(x.s, y.s, x.n < y.n ? x.n : y.n);

	return order != 0 ? order : (x.n > y.n) - (x.n < y.n);
}

/* Takes out the keys that stand there twice. */
static void keep_single(
	struct object_ask *a, struct object_label *all, size_t count, struct object_label *single)
{
	qsort(all, count, sizeof(*all), compare_keys);
	for (size_t i = 0; i < count; i++) {
		bool twice = (i > 0 && compare_keys(&all[i - 1], &all[i]) == 0) ||
			(i + 1 < count && compare_keys(&all[i], &all[i + 1]) == 0);

		a->labels_unsure = a->labels_unsure || twice;
		if (!twice)
			single[a->label_count++] = all[i];
	}
}

/* Keeps the texts and labels of an answer. False: no memory. */
static bool keep(struct object_ask *a, const struct resolve_answer *r)
{
	size_t count = r->labels ? r->labels->count : 0;
	struct object_label *all = mem_list_alloc(
		&a->memory, 2 * count * sizeof(*all) + size_of(r));
	char *at = (char *)(all + 2 * count);
	size_t n = 0;

	if (!all)
		return false;
	for (size_t i = 0; i < RESOLVE_TEXTS; i++)
		a->texts[i] = copy(&at, r->texts[i]);
	for (json_ref l = json_value_first(r->labels); l; l = json_value_next(r->labels, l), n++) {
		all[n].key = copy(&at, l->key);
		all[n].value = copy(&at, json_value_text(l));
	}
	a->labels = all + count;
	keep_single(a, all, n, all + count);
	return true;
}

void object_asks_take(struct object_asks *s, const struct resolver_result *r)
{
	struct object_ask *a = r->tag;

	a->state = ASK_ENDED;
	a->result = r->answer.result;
	s->sent--;
	s->counts.us += clock_us() - a->sent_us;
	if (a->result == RESOLVE_FAILED)
		fail(s, a, r->answer.trouble);
	else if (a->result == RESOLVE_FOUND && !keep(a, &r->answer))
		fail(s, a, "no memory");
	s->counts.found += a->result == RESOLVE_FOUND;
	s->counts.missing += a->result == RESOLVE_MISSING;
	object_asks_release(s, a);
	send_waiting(s);
}

const struct object_ask_counts *object_asks_counts(const struct object_asks *s)
{
	return &s->counts;
}
