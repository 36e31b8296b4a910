#include "metrics_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "dsp/config/metric_info.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/version.h"
#include "metrics.h"
#include "object_asks.h"

enum { FIRST_ROOM = 32 << 10, LINE_MOST = 512 };

static const char *const verdicts[] = {
	[METRICS_ALLOW] = "allow", [METRICS_DENY] = "deny", [METRICS_MONITORED] = "monitored"
};

struct page {
	char *text;
	size_t n;
	size_t room;
	bool failed;
	enum metrics_form form;
	enum metric now; /* the metric whose samples follow */
};

/* Appends at most LINE_MOST bytes. */
PRINTF_LIKE(2, 3) static void add(struct page *p, const char *fmt, ...)
{
	va_list args;
	int n;

	if (p->room - p->n < LINE_MOST) {
		size_t room = p->room > 0 ? p->room * 2 : FIRST_ROOM;
		char *text = p->failed ? NULL : mem_resize(p->text, room);

		p->failed = !text;
		if (!text)
			return;
		p->text = text;
		p->room = room;
	}
	va_start(args, fmt);
	n = vsnprintf(p->text + p->n, LINE_MOST, fmt, args);
	va_end(args);
	if (n < 0 || n >= LINE_MOST)
		p->failed = true;
	else
		p->n += (size_t)n;
}

static const char *total(const struct page *p)
{
	return strcmp(metric_info(p->now)->type, "counter") == 0 ? "_total" : "";
}

/* The text format has a counter's whole name at its head, OpenMetrics the family's. */
static void head(struct page *p, enum metric metric)
{
	const struct metric_info *m = metric_info(metric);
	const char *end;

	p->now = metric;
	end = p->form == METRICS_TEXT ? total(p) : "";
	add(p, "# TYPE %s%s %s\n", m->name, end, m->type);
	if (p->form == METRICS_OPEN && m->unit[0] != '\0')
		add(p, "# UNIT %s %s\n", m->name, m->unit);
	add(p, "# HELP %s%s %s\n", m->name, end, m->what);
}

static void value(struct page *p, enum metric metric, uint64_t n)
{
	head(p, metric);
	add(p, "%s%s %" PRIu64 "\n", metric_info(metric)->name, total(p), n);
}

static void sample(struct page *p, const char *label, const char *text, uint64_t n)
{
	add(p, "%s%s{%s=\"%s\"} %" PRIu64 "\n", metric_info(p->now)->name, total(p), label, text,
		n);
}

/* Writes the counters that are not 0. */
static void by_verdict(struct page *p, const char *label, const char *text, const uint64_t *counts)
{
	for (size_t v = 0; v < METRICS_VERDICTS; v++) {
		if (counts[v] > 0)
			add(p, "%s%s{%s=\"%s\",verdict=\"%s\"} %" PRIu64 "\n",
				metric_info(p->now)->name, total(p), label, text, verdicts[v],
				counts[v]);
	}
}

static void seconds(struct page *p, const char *end, uint64_t us)
{
	add(p, "%s%s %" PRIu64 ".%06u\n", metric_info(p->now)->name, end, us / 1000000,
		(unsigned)(us % 1000000));
}

/* "sha256:1234" as "1234". */
static const char *hex_of(const char *digest)
{
	const char *colon = strchr(digest, ':');

	return colon ? colon + 1 : digest;
}

static void write_settings(struct page *p, const struct config *c)
{
	head(p, METRIC_SETTINGS_INFO);
	add(p, "%s{policy_sha256=\"%s\",env_sha256=\"%s\",profile=\"%s\",version=\"%s\"} 1\n",
		metric_info(p->now)->name, hex_of(c->digest), hex_of(c->env_digest),
		profile_info(c->policy.profile)->name, DSP_VERSION);
}

static void write_state(struct page *p, const struct state_view *view)
{
	const struct policy *policy = &view->snapshot->config->policy;
	const struct metrics *m = view->sinks->metrics;

	value(p, METRIC_UP, 1);
	head(p, METRIC_LAST_QUESTION_SECONDS);
	seconds(p, "", m->last_us);
	head(p, METRIC_BUILD_INFO);
	sample(p, "version", DSP_VERSION, 1);
	write_settings(p, view->snapshot->config);
	head(p, METRIC_START_TIME_SECONDS);
	seconds(p, "", m->start_us);
	value(p, METRIC_POLICY_GENERATION, view->snapshot->generation);
	value(p, METRIC_POLICY_RULES, policy->file_rules ? policy->file_rules->count : 0);
	value(p, METRIC_MONITOR_MODE, policy->monitor);
	value(p, METRIC_SETTINGS_BROKEN, policy->broken[0] != '\0');
	value(p, METRIC_CONNECTIONS, view->connections);
	head(p, METRIC_RELOADS);
	sample(p, "result", "failed", m->reloads[0]);
	sample(p, "result", "ok", m->reloads[1]);
}

static void write_operations(struct page *p, const struct metrics *m)
{
	bool done[OPERATION_COUNT] = { false };
	size_t count;
	const struct route *rows = route_rows(&count);

	head(p, METRIC_DECISIONS);
	for (size_t i = 0; i < count; i++) {
		enum operation o = rows[i].operation;

		if (!done[o])
			by_verdict(p, "operation", rows[i].name, m->operations[o]);
		done[o] = true;
	}
	by_verdict(p, "operation", "unknown", m->operations[OPERATION_COUNT]);
	by_verdict(p, "operation", "none", m->operations[OPERATION_COUNT + 1]);
}

/* A name from text_escape as a label value, in which "\x" is invalid and "\\x" is not. */
static void label_of(const char *name, char out[2 * METRICS_NAME_ROOM])
{
	while (*name) {
		if (name[0] == '\\' && name[1] == 'x')
			*out++ = '\\';
		else if (name[0] == '\\')
			*out++ = *name++;
		*out++ = *name++;
	}
	*out = '\0';
}

static void write_subjects(struct page *p, const struct metrics *m)
{
	head(p, METRIC_DENIALS);
	for (size_t i = 0; i < METRICS_SUBJECTS; i++) {
		const struct metrics_name *s = &m->subjects[i];

		if (s->counts[METRICS_DENY] > 0)
			sample(p, "subject", i < METRICS_SUBJECTS - 1 ? s->name : "(others)",
				s->counts[METRICS_DENY]);
	}
}

static void write_rules(struct page *p, const struct metrics *m)
{
	char label[2 * METRICS_NAME_ROOM];

	head(p, METRIC_RULES);
	for (size_t i = 0; i < METRICS_RULES - 1; i++) {
		if (m->rules[i].name[0] == '\0')
			continue;
		label_of(m->rules[i].name, label);
		by_verdict(p, "rule", label, m->rules[i].counts);
	}
	by_verdict(p, "rule", "(others)", m->rules[METRICS_RULES - 1].counts);
}

static void write_decisions(struct page *p, const struct metrics *m)
{
	static const char *const doubts[] = { [DOUBT_UNROUTABLE] = "unroutable",
		[DOUBT_UNREADABLE] = "unreadable",
		[DOUBT_MOUNT_TIMEOUT] = "mount_timeout",
		[DOUBT_OBJECT] = "object",
		[DOUBT_QUESTION] = "question",
		[DOUBT_REPEATED] = "repeated",
		[DOUBT_FAILURE] = "failure" };

	write_operations(p, m);
	head(p, METRIC_DECIDED);
	for (size_t i = 0; i < METRICS_WORDS && m->deciders[i]; i++)
		by_verdict(p, "by", m->deciders[i], m->decided[i]);
	head(p, METRIC_POWERS);
	for (size_t i = 0; i < POWER_COUNT; i++)
		by_verdict(p, "power", power_info((enum power)i)->name, m->powers[i]);
	write_subjects(p, m);
	value(p, METRIC_WOULD_DENY, m->would_deny);
	write_rules(p, m);
	head(p, METRIC_UNREADABLE);
	for (size_t i = 0; i < DOUBTS; i++)
		sample(p, "reason", doubts[i], m->doubts[i]);
}

static void write_durations(struct page *p, const struct metrics *m)
{
	const uint32_t *bounds = metrics_bounds();
	uint64_t sum = 0;

	head(p, METRIC_DECISION_DURATION_SECONDS);
	for (size_t i = 0; i < METRICS_BUCKETS; i++) {
		char bound[24] = "+Inf";

		sum += m->buckets[i];
		if (i < METRICS_BUCKETS - 1)
			(void)snprintf(bound, sizeof(bound), "%g", bounds[i] / 1e6);
		add(p, "%s_bucket{le=\"%s\"} %" PRIu64 "\n", metric_info(p->now)->name, bound, sum);
	}
	seconds(p, "_sum", m->duration_us);
	add(p, "%s_count %" PRIu64 "\n", metric_info(p->now)->name, sum);
	value(p, METRIC_LOOKUPS, m->lookups);
	head(p, METRIC_LOOKUP_SECONDS);
	seconds(p, "_total", m->lookup_us);
}

static void write_objects(struct page *p, const struct object_ask_counts *c)
{
	head(p, METRIC_OBJECT_ASKS);
	sample(p, "result", "found", c->found);
	sample(p, "result", "missing", c->missing);
	sample(p, "result", "failed", c->failed);
	head(p, METRIC_OBJECT_ASKS_SECONDS);
	seconds(p, "_total", c->us);
}

static void write_audit_log(struct page *p, struct audit *audit)
{
	struct audit_state s = audit_state(audit);

	head(p, METRIC_AUDIT_DECISIONS);
	sample(p, "result", "written", s.counts.written);
	sample(p, "result", "folded", s.counts.folded);
	sample(p, "result", "dropped", s.counts.dropped);
	sample(p, "result", "unlogged", s.counts.unlogged);
	value(p, METRIC_AUDIT_WAITING, s.counts.waiting);
	value(p, METRIC_AUDIT_QUEUE_LINES, s.queued);
	value(p, METRIC_AUDIT_STUCK, s.trouble[0] != '\0');
}

static void write_grants(struct page *p, struct grants *grants)
{
	size_t root = grants_root_count(grants);

	head(p, METRIC_GRANTS);
	sample(p, "root", "yes", root);
	sample(p, "root", "no", grants_count(grants) - root);
}

static void write_held(struct page *p, const struct held_requests *held)
{
	value(p, METRIC_PENDING_REQUESTS, held->count);
	head(p, METRIC_ASKED_REQUESTS);
	sample(p, "end", "decided", held->ends[ASK_NOT_ENDED]);
	for (int end = ASK_APPROVED; end < (int)ASK_END_COUNT; end++)
		sample(p, "end", ask_end_name((enum ask_end)end), held->ends[end]);
}

static void write_owners(struct page *p, struct owners *owners)
{
	struct owners_state s = owners_state(owners);

	value(p, METRIC_OWNERS, s.count);
	value(p, METRIC_OWNERS_WAITING, s.waiting);
	value(p, METRIC_OWNERS_STUCK, s.on && (!s.known || s.trouble[0] != '\0'));
}

char *metrics_write(const struct state_view *view, enum metrics_form form)
{
	struct page p = { .form = form };

	write_state(&p, view);
	write_decisions(&p, view->sinks->metrics);
	write_durations(&p, view->sinks->metrics);
	if (view->objects)
		write_objects(&p, view->objects);
	if (view->sinks->audit)
		write_audit_log(&p, view->sinks->audit);
	write_grants(&p, view->grants);
	write_held(&p, view->held);
	if (view->owners)
		write_owners(&p, view->owners);
	if (form == METRICS_OPEN)
		add(&p, "# EOF\n");
	if (!p.failed)
		return p.text;
	mem_free(p.text);
	return NULL;
}
