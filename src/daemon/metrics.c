#include "metrics.h"

#include <errno.h>
#include <string.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/system/clock.h"
#include "object_lookup.h"

/* A decision takes microseconds, one that looks up mount sources up to POOL_DEADLINE_MS. */
static const uint32_t bounds[METRICS_BUCKETS - 1] = { 10, 25, 50, 100, 250, 500, 1000, 2500, 5000,
	10000, 25000, 100000, 500000, 1000000, 2500000 };

const uint32_t *metrics_bounds(void)
{
	return bounds;
}

struct metrics *metrics_new(void)
{
	struct metrics *m = mem_array(1, sizeof(*m));

	if (m)
		m->start_us = clock_date_us();
	return m;
}

/* A word mostly has the same address each time, so the pointers are compared first. */
static uint64_t *decided_by(struct metrics *m, const char *word)
{
	size_t i = 0;

	while (i < METRICS_WORDS - 1 && m->deciders[i] && m->deciders[i] != word &&
		strcmp(m->deciders[i], word) != 0)
		i++;
	if (!m->deciders[i])
		m->deciders[i] = word;
	return m->decided[i];
}

static uint64_t *operation_of(struct metrics *m, const struct facts *f)
{
	if (f->route)
		return m->operations[f->route->operation];
	return m->operations[OPERATION_COUNT + (f->reading == READING_UNROUTABLE)];
}

/* The counters of a name. A table never grows: its last row is for all that have no place. */
static uint64_t *count_named(struct metrics_name *names, size_t count, struct span text)
{
	char name[METRICS_NAME_ROOM];
	size_t at;

	text_escape(text, name, sizeof(name));
	if (name[0] == '\0')
		return names[count - 1].counts;
	at = text_hash(span_of(name)) % (count - 1);
	for (size_t i = 0; i < count - 1; i++, at = (at + 1) % (count - 1)) {
		struct metrics_name *n = &names[at];

		if (strcmp(n->name, name) == 0)
			return n->counts;
		if (n->name[0] != '\0')
			continue;
		memcpy(n->name, name, sizeof(name));
		return n->counts;
	}
	return names[count - 1].counts;
}

/* A client chooses neither the name nor the number of series: all without a user share one. */
static void count_denial(struct metrics *m, const struct subject *s)
{
	struct span name = s ? s->name : SPAN("(none)");

	if (s && s->doubt != SUBJECT_SURE)
		name = s->doubt <= SUBJECT_TWO ? SPAN("(wrong token)")
					       : SPAN("(wrong certificate)");
	else if (s && s->is_unknown_certificate)
		name = SPAN("(unknown certificate)");
	count_named(m->subjects, METRICS_SUBJECTS, name)[METRICS_DENY]++;
}

/* Escaping and comparing a name costs ten times as much as all the rest here. */
static uint64_t *rule_of(struct metrics *m, const struct rule *rule, unsigned generation)
{
	struct metrics_found *f = &m->found[(uintptr_t)rule / sizeof(*rule) % METRICS_FOUND];

	if (f->rule != rule || f->generation != generation)
		*f = (struct metrics_found){ rule, generation,
			count_named(m->rules, METRICS_RULES, rule->name) };
	return f->counts;
}

static void count_powers(struct metrics *m, const struct powerset *powers, enum metrics_verdict v)
{
	for (size_t i = 0; i < sizeof(powers->word) / sizeof(powers->word[0]); i++) {
		for (uint64_t rest = powers->word[i]; rest; rest &= rest - 1)
			m->powers[i * 64 + (size_t)__builtin_ctzll(rest)][v]++;
	}
}

static void count_duration(struct metrics *m, uint64_t us)
{
	size_t i = 0;

	while (i < METRICS_BUCKETS - 1 && us > bounds[i])
		i++;
	m->buckets[i]++;
	m->duration_us += us;
}

static void count_refusal(struct metrics *m, const struct decision_event *e)
{
	static const enum metrics_doubt doubts[] = { [REFUSED_QUESTION] = DOUBT_QUESTION,
		[REFUSED_REPEATED] = DOUBT_REPEATED,
		[REFUSED_FAILURE] = DOUBT_FAILURE };

	m->operations[OPERATION_COUNT + 1][METRICS_DENY]++;
	decided_by(m, decision_event_decided_by(e))[METRICS_DENY]++;
	m->doubts[doubts[e->refusal->by]]++;
}

/* Why a request is unreadable, by the code of the error. */
static enum metrics_doubt doubt_of(int code)
{
	if (code == ETIMEDOUT)
		return DOUBT_MOUNT_TIMEOUT;
	return code == OBJECT_UNKNOWN_CODE ? DOUBT_OBJECT : DOUBT_UNREADABLE;
}

void metrics_decision(struct metrics *m, const struct decision_event *e)
{
	const struct decision *d = e->decision;
	bool allow = decision_event_allows(e);
	enum metrics_verdict v = allow ? METRICS_ALLOW : METRICS_DENY;

	m->last_us = clock_date_us();
	/* It is counted when it ends. */
	if (decision_event_asks(e))
		return;
	if (!allow)
		count_denial(m, e->subject);
	if (!d) {
		count_refusal(m, e);
		return;
	}
	operation_of(m, e->facts)[v]++;
	decided_by(m, decision_event_decided_by(e))[v]++;
	count_powers(m, &e->facts->powers, v);
	count_duration(m, e->duration_us);
	m->lookups += e->lookup_us > 0;
	m->lookup_us += e->lookup_us;
	m->would_deny += allow && d->monitored;
	if (d->rule && !e->refusal)
		rule_of(m, d->rule, e->generation)[v]++;
	if (d->monitored_rule)
		rule_of(m, d->monitored_rule, e->generation)[METRICS_MONITORED]++;
	if (e->facts->reading == READING_UNROUTABLE)
		m->doubts[DOUBT_UNROUTABLE]++;
	else if (e->facts->reading == READING_UNREADABLE)
		m->doubts[doubt_of(e->facts->doubt.code)]++;
}
