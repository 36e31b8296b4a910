#include "report.h"

#include <string.h>

#include "container_names.h"
#include "denial.h"
#include "dsp/core/base/duration.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/list_kind.h"

enum {
	SUBJECTS_MOST = 2000,
	ROWS_MOST = 20000,
	FEW_ROWS_MOST = 1000,
	COUNTERS = 10,
	KEY_MOST = 1600,
	HOST_MOST = 64, /* characters of a host's name, as Linux has it */
};

/* Each counter of a report, and how many rows it may have. */
static struct counter *counter_at(struct report *r, size_t i, size_t *most)
{
	const struct {
		struct counter *counter;
		size_t most;
	} rows[COUNTERS] = { { &r->hosts, FEW_ROWS_MOST }, { &r->subjects, SUBJECTS_MOST },
		{ &r->uses, ROWS_MOST }, { &r->remedies, ROWS_MOST }, { &r->things, ROWS_MOST },
		{ &r->roots, ROWS_MOST }, { &r->details, ROWS_MOST },
		{ &r->outcomes, FEW_ROWS_MOST }, { &r->grants, FEW_ROWS_MOST },
		{ &r->names, ROWS_MOST } };

	*most = rows[i].most;
	return rows[i].counter;
}

int report_init(struct report *r)
{
	size_t most;

	for (size_t i = 0; i < COUNTERS; i++) {
		struct counter *c = counter_at(r, i, &most);

		if (counter_init(c, most) != 0)
			return -1;
	}
	return 0;
}

void report_free(struct report *r)
{
	size_t most;

	for (size_t i = 0; i < COUNTERS; i++)
		counter_free(counter_at(r, i, &most));
}

/* --- counting ----------------------------------------------------------------------------------*/

/* How one entry counts, in every row that it belongs to. */
struct weight {
	const struct audit_entry *entry;
	uint64_t times;
	bool denied;
	bool would; /* be denied, but for monitor mode */
	bool write;
};

static void add_to_row(struct counter_row *row, const struct weight *w)
{
	row->n[COUNTER_ALL] += w->times;
	row->n[COUNTER_DENIED] += w->denied ? w->times : 0;
	row->n[COUNTER_WOULD] += w->would ? w->times : 0;
	row->n[COUNTER_WRITES] += w->write ? w->times : 0;
	if (strcmp(w->entry->time, row->last) > 0)
		text_copy(span_of(w->entry->time), row->last, sizeof(row->last));
}

/* Counts an entry in the row whose key has these parts. */
static struct counter_row *count_in(
	struct counter *t, const char *const *parts, size_t count, const struct weight *w)
{
	char key[KEY_MOST];
	struct counter_row *row;
	struct line l;

	line_init(&l, key, sizeof(key));
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			line_add(&l, "%c", COUNTER_SEPARATOR);
		line_add_cut(&l, span_of(parts[i]));
	}
	row = counter_row(t, key);
	add_to_row(row, w);
	return row;
}

static void count_denial(struct report *r, const struct weight *w, const char *subject)
{
	const struct audit_entry *l = w->entry;
	char text[REPORT_TEXT];
	char remedy[2] = "0";
	const char *allows[] = { remedy, text, subject };
	const char *asked[] = { audit_entry_text(l, "operation"), text, subject };
	struct counter_row *row;
	char example[REPORT_TEXT];
	struct line request;

	remedy[0] = (char)('0' + denial_remedy(l, text, sizeof(text)));
	row = count_in(&r->remedies, allows, 3, w);
	denial_thing(l, text, sizeof(text));
	(void)count_in(&r->things, asked, 3, w);
	line_init(&request, example, sizeof(example));
	line_add(&request, "%s %s", audit_entry_text(l, "method"), audit_entry_text(l, "target"));
	if (row->example && strcmp(row->example, example) == 0)
		return;
	mem_free(row->example);
	row->example = mem_copy(example, strlen(example));
}

static void count_details(struct report *r, const struct weight *w, const char *subject)
{
	const json_t *detail;
	char text[600];
	size_t i;

	json_array_foreach (json_object_get(w->entry->object, "details"), i, detail) {
		const char *power = json_string_value(json_object_get(detail, "power"));
		const char *parts[] = { power, subject, text };

		if (!power)
			continue;
		denial_detail(detail, text, sizeof(text));
		(void)count_in(&r->details, parts, 3, w);
	}
}

static void count_powers(struct report *r, const struct weight *w, const char *subject)
{
	const char *name;
	bool root = false;

	for (size_t i = 0; (name = audit_entry_word(w->entry, "powers", i)); i++) {
		enum power p = power_find(span_of(name));
		const char *parts[] = { name, subject };

		if (p == POWER_COUNT)
			continue;
		r->asked[p] += w->times;
		if (w->denied || w->would)
			r->asked_denied[p] += w->times;
		if (power_info(p)->root == ROOT_NO || w->denied)
			continue;
		root = true;
		(void)count_in(&r->roots, parts, 2, w);
	}
	if (root)
		count_details(r, w, subject);
}

static void count_time(struct report *r, const struct weight *w)
{
	const char *time = w->entry->time;

	timeline_count(&r->timeline, w->entry->seconds, w->denied, w->times);
	if (r->first[0] == '\0' || strcmp(time, r->first) < 0)
		text_copy(span_of(time), r->first, sizeof(r->first));
	if (strcmp(time, r->last) > 0)
		text_copy(span_of(time), r->last, sizeof(r->last));
}

/* Keeps a decision that took longer than one of the slowest. */
static void count_duration(struct report *r, const struct audit_entry *l)
{
	uint64_t duration = audit_entry_number(l, "duration_us");
	struct slow_decision *slow;
	size_t at = REPORT_SLOWEST;
	struct line request;

	while (at > 0 && duration > r->slowest[at - 1].duration_us)
		at--;
	if (at == REPORT_SLOWEST)
		return;
	slow = &r->slowest[at];
	memmove(slow + 1, slow, (REPORT_SLOWEST - 1 - at) * sizeof(*slow));
	slow->duration_us = duration;
	text_copy(span_of(l->time), slow->time, sizeof(slow->time));
	text_copy(span_of(audit_entry_text(l, "subject")), slow->subject, sizeof(slow->subject));
	text_copy(span_of(audit_entry_text(l, "operation")), slow->operation,
		sizeof(slow->operation));
	line_init(&request, slow->request, sizeof(slow->request));
	line_add_cut(&request, span_of(audit_entry_text(l, "method")));
	line_add_cut(&request, SPAN(" "));
	line_add_cut(&request, span_of(audit_entry_text(l, "target")));
}

static bool decided_by_rules(const struct audit_entry *l)
{
	const char *by = audit_entry_text(l, "decided_by");

	return strcmp(by, "rule") == 0 || strcmp(by, "otherwise") == 0;
}

static void count_decision(struct report *r, const struct audit_entry *l, uint64_t times)
{
	const char *subject = audit_entry_text(l, "subject");
	const char *parts[] = { subject, audit_entry_text(l, "operation") };
	const struct weight w = { .entry = l,
		.times = times,
		.denied = strcmp(audit_entry_text(l, "verdict"), "deny") == 0,
		.would = audit_entry_text(l, "would")[0] != '\0',
		.write = strcmp(audit_entry_text(l, "access"), "write") == 0 };

	count_time(r, &w);
	r->decisions += times;
	r->denied += w.denied ? times : 0;
	r->would += w.would ? times : 0;
	r->writes += w.write ? times : 0;
	text_copy(span_of(audit_entry_text(l, "profile")), r->profile, sizeof(r->profile));
	r->monitor = strcmp(audit_entry_text(l, "mode"), "monitor") == 0;
	r->by_rules = r->by_rules || decided_by_rules(l);
	count_duration(r, l);
	if (subject[0] == '\0') {
		r->unreadable += times;
		return;
	}
	(void)count_in(&r->subjects, parts, 1, &w);
	(void)count_in(&r->uses, parts, 2, &w);
	if (audit_entry_text(l, "grant")[0] != '\0')
		add_to_row(counter_row(&r->grants, audit_entry_text(l, "grant")), &w);
	if (w.denied || w.would)
		count_denial(r, &w, subject);
	count_powers(r, &w, subject);
}

static void count_outcome(struct report *r, const struct weight *w)
{
	char status[16];

	if (strcmp(audit_entry_text(w->entry, "pair"), "exact") == 0)
		r->paired += w->times;
	(void)snprintf(
		status, sizeof(status), "%u", (unsigned)audit_entry_number(w->entry, "status"));
	add_to_row(counter_row(&r->outcomes, status), w);
	container_names_learn(&r->names, w->entry);
}

/* Adds the texts of a list of a grant's rule: ", exec", with what stands before each. */
static void add_list(struct line *l, const json_t *rule, const char *key, const char *front)
{
	const json_t *v;
	size_t i;

	json_array_foreach (json_object_get(rule, key), i, v) {
		const char *text = json_string_value(v);

		line_add(l, "%s%s", l->n > 0 ? ", " : "", front);
		line_add_cut(l, span_of(text ? text : ""));
	}
}

/* "alice, exec, container name:web, for 15 min, by carol: INC-4711" */
static void write_grant(const struct audit_entry *l, char *out, size_t cap)
{
	const json_t *rule = json_object_get(l->object, "allows");
	const json_t *powers = json_object_get(rule, "powers");
	const char *by = audit_entry_text(l, "by");
	const char *reason = audit_entry_text(l, "reason");
	char length[DURATION_ROOM];
	struct line text;

	line_init(&text, out, cap);
	add_list(&text, rule, "who", "");
	add_list(&text, rule, powers ? "powers" : "allow", "");
	for (size_t k = 0; k < LIST_COUNT; k++)
		add_list(&text, rule, list_name((enum list_kind)k), "");
	line_add(&text, ", for %s", duration_write_long(audit_entry_number(l, "seconds"), length));
	if (by[0] != '\0')
		line_add(&text, ", by %s", by);
	if (reason[0] != '\0')
		line_add(&text, ": %s", reason);
}

/* A grant has a row even if it allowed nothing. */
static void count_grant(struct report *r, const struct audit_entry *l)
{
	struct counter_row *row = counter_row(&r->grants, audit_entry_text(l, "grant"));
	char text[REPORT_TEXT];

	if (!row->key || row->example)
		return;
	write_grant(l, text, sizeof(text));
	row->example = mem_copy(text, strlen(text));
	text_copy(span_of(l->time), row->last, sizeof(row->last));
}

void report_count(struct report *r, const struct audit_entry *l, uint64_t times)
{
	const struct weight w = { .entry = l, .times = times };
	char host[HOST_MOST + 1];

	if (l->type == ENTRY_DECISION)
		count_decision(r, l, times);
	else if (l->type == ENTRY_OUTCOME)
		count_outcome(r, &w);
	else if (l->type == ENTRY_GRANT)
		count_grant(r, l);
	text_copy(span_of(audit_entry_text(l, "host")), host, sizeof(host));
	if (host[0])
		add_to_row(counter_row(&r->hosts, host), &w);
}
