#include "dsp/audit/recent_decisions.h"
#include "dsp/protocol/protocol.h"

#include <errno.h>
#include <stdio.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/system/clock.h"
#include "line_queue.h"
#include "pending_requests.h"

enum {
	LAST_LINE_ROOM = 256,
	TICK_MS = 1000,
};

struct recent_view {
	struct line_queue lines;
	uint64_t dropped; /* decisions before the first line in the queue */
	uint64_t read_at; /* clock_about of the last read */
	struct pending_requests *pending;
	struct audit_record_line line; /* the line to add */
};

void recent_decisions_init(struct recent_decisions *recent)
{
	/* Ids in the audit log have one digit less, so no id is given twice. */
	*recent = (struct recent_decisions){ .lines = 0 };
	host_name(recent->host);
	(void)snprintf(recent->instance, sizeof(recent->instance), "%llx0",
		(unsigned long long)clock_date_us());
}

void recent_decisions_free(struct recent_decisions *recent)
{
	if (!recent->view)
		return;
	line_queue_free(&recent->view->lines);
	pending_requests_free(recent->view->pending);
	mem_free(recent->view);
	recent->view = NULL;
}

size_t recent_decisions_bytes(const struct recent_decisions *recent)
{
	return recent->view ? sizeof(*recent->view) + recent->view->lines.size : 0;
}

static int start_view(struct recent_decisions *recent, struct err *e)
{
	struct recent_view *v = mem_array(1, sizeof(*v));

	if (!v)
		return FAIL(e, ENOMEM, "the last decisions");
	recent->view = v;
	v->dropped = recent->decisions;
	v->pending = pending_requests_new();
	if (!v->pending || line_queue_init(&v->lines, WATCH_BYTES, e) != 0) {
		recent_decisions_free(recent);
		return FAIL(e, ENOMEM, "the last decisions");
	}
	return 0;
}

unsigned recent_decisions_tick(struct recent_decisions *recent)
{
	if (recent->view && clock_about() >= recent->view->read_at + WATCH_MS)
		recent_decisions_free(recent);
	return recent->view ? TICK_MS : 0;
}

/* --- what comes --------------------------------------------------------------------------------*/

static void write_id(
	const struct recent_decisions *recent, uint64_t number, char id[AUDIT_RECORD_ID_ROOM])
{
	struct line l;

	line_init(&l, id, AUDIT_RECORD_ID_ROOM);
	line_add(&l, "%s-%llu", recent->instance, (unsigned long long)number);
}

/* Adds v->line; the oldest lines go until it has room. */
static void keep_line(struct recent_view *v, enum line_kind kind)
{
	while (!line_queue_put(&v->lines, kind, (struct span){ v->line.text, v->line.n },
		(struct span){ NULL, 0 }))
		v->dropped += line_queue_remove_first(&v->lines) == LINE_DECISION;
}

/* The head of the newest line. id and time get its texts, and must outlive it. */
static struct audit_record_head newest_head(const struct recent_decisions *recent,
	char id[AUDIT_RECORD_ID_ROOM], char time[CLOCK_TEXT_ROOM])
{
	clock_write(clock_date_us(), time);
	write_id(recent, recent->lines, id);
	return (struct audit_record_head){ .id = id, .time = time, .host = recent->host };
}

void recent_decisions_add(struct recent_decisions *recent, const struct decision_event *e)
{
	char id[AUDIT_RECORD_ID_ROOM];
	char time[CLOCK_TEXT_ROOM];
	struct audit_record_head head;
	bool asks = decision_event_asks(e);

	recent->lines++;
	recent->decisions += !asks;
	if (recent_decisions_tick(recent) == 0)
		return;
	head = newest_head(recent, id, time);
	audit_record_decision(&head, e, &recent->view->line);
	keep_line(recent->view, asks ? LINE_NOTICE : LINE_DECISION);
	if (decision_event_allows(e))
		pending_requests_add(recent->view->pending, e->request, id);
}

void recent_decisions_add_outcome(struct recent_decisions *recent, struct request_outcome *o)
{
	char decision[AUDIT_RECORD_ID_ROOM];
	char id[AUDIT_RECORD_ID_ROOM];
	char time[CLOCK_TEXT_ROOM];
	struct audit_record_head head;

	if (!recent->view)
		return;
	recent->lines++;
	head = newest_head(recent, id, time);
	(void)pending_requests_end(recent->view->pending, o, decision);
	audit_record_outcome(&head, o, &recent->view->line);
	keep_line(recent->view, LINE_OUTCOME);
}

void recent_decisions_add_grant(struct recent_decisions *recent, const struct grant_event *e)
{
	char id[AUDIT_RECORD_ID_ROOM];
	char time[CLOCK_TEXT_ROOM];
	struct audit_record_head head;

	if (!recent->view)
		return;
	recent->lines++;
	head = newest_head(recent, id, time);
	audit_record_grant(&head, e, &recent->view->line);
	keep_line(recent->view, LINE_GRANT);
}

void recent_decisions_dockerd_restarted(struct recent_decisions *recent)
{
	if (recent->view)
		pending_requests_clear(recent->view->pending);
}

/* --- reading -----------------------------------------------------------------------------------*/

/* How far a watcher has read: so many lines, so many decisions, until this time. */
struct cursor {
	uint64_t lines;
	uint64_t decisions;
	uint64_t time_us;
};

/* Parses "-123" off the front of rest. False: something else is there. */
static bool parse_number(struct span *rest, uint64_t *ret)
{
	enum { DIGITS = 19 }; /* more may overflow */
	uint64_t n = 0;
	size_t i = 1;

	if (rest->n < 2 || rest->s[0] != '-')
		return false;
	for (; i < rest->n && rest->s[i] >= '0' && rest->s[i] <= '9'; i++) {
		if (i > DIGITS)
			return false;
		n = n * 10 + (uint64_t)(rest->s[i] - '0');
	}
	*rest = span_after(*rest, i);
	*ret = n;
	return i > 1;
}

static int parse_cursor(
	const struct recent_decisions *recent, struct span text, struct cursor *ret, struct err *e)
{
	struct span instance = { text.s, span_find(text, '-') };
	struct span rest = span_after(text, instance.n);
	struct cursor c;

	if (!parse_number(&rest, &c.lines) || !parse_number(&rest, &c.decisions) ||
		!parse_number(&rest, &c.time_us) || rest.n > 0)
		return FAIL(e, EINVAL, "not a cursor");
	if (!span_equal(instance, span_of(recent->instance)))
		c = (struct cursor){ .time_us = c.time_us };
	if (c.lines > recent->lines || c.decisions > recent->decisions)
		return FAIL(e, EINVAL, "not a cursor of this dspd");
	*ret = c;
	return 0;
}

struct reply_text {
	char *text;
	size_t n;
	size_t cap;
};

/* Writes how many lines the watcher has missed, of those before `first`. */
static void write_lost(const struct recent_decisions *recent, const struct cursor *c,
	uint64_t first, struct reply_text *r)
{
	char id[AUDIT_RECORD_ID_ROOM];
	char time[CLOCK_TEXT_ROOM];
	char since[CLOCK_TEXT_ROOM];
	struct audit_record_head head = { .id = id,
		.time = time,
		.host = recent->host,
		.count = first - 1 - c->lines,
		.since = since };
	struct audit_record_line *line = &recent->view->line;

	clock_write(clock_date_us(), time);
	clock_write(c->time_us, since);
	/* The id of one of them, which nobody has seen. */
	write_id(recent, first - 1, id);
	audit_record_dropped(&head, recent->view->dropped - c->decisions, line);
	memcpy(r->text + r->n, line->text, line->n);
	r->n += line->n;
}

static void write_cursor(
	const struct recent_decisions *recent, const struct cursor *c, struct reply_text *r)
{
	struct line l;

	line_init(&l, r->text + r->n, r->cap - r->n);
	line_add(&l,
		"{\"watch\":1,\"instance\":\"%s\",\"cursor\":\"%s-%llu-%llu-%llu\","
		"\"decisions\":%llu,\"more\":%s}\n",
		recent->instance, recent->instance, (unsigned long long)c->lines,
		(unsigned long long)c->decisions, (unsigned long long)c->time_us,
		(unsigned long long)recent->decisions, c->lines < recent->lines ? "true" : "false");
	r->n += l.n;
}

static void write_reply(
	const struct recent_decisions *recent, struct cursor *c, struct reply_text *r)
{
	const struct line_queue *b = &recent->view->lines;
	uint64_t first = recent->lines - b->count +
		1; /* the number of the first line in the queue */
	struct line_batch v;

	if (c->lines + 1 < first) {
		write_lost(recent, c, first, r);
		c->lines = first - 1;
		c->decisions = recent->view->dropped;
	}
	v = line_queue_copy(
		b, (size_t)(c->lines + 1 - first), r->text + r->n, r->cap - LAST_LINE_ROOM - r->n);
	r->n += v.bytes;
	c->lines += v.lines;
	c->decisions += v.kinds[LINE_DECISION];
	c->time_us = clock_date_us();
	write_cursor(recent, c, r);
}

int recent_decisions_read(
	struct recent_decisions *recent, struct span cursor, char **ret, size_t *len, struct err *e)
{
	struct cursor c = { recent->lines, recent->decisions, 0 };
	struct reply_text r = { .n = 0 };
	size_t kept;

	if (cursor.n > 0 && parse_cursor(recent, cursor, &c, e) != 0)
		return -1;
	if (!recent->view && start_view(recent, e) != 0)
		return -1;
	recent->view->read_at = clock_about();
	kept = (size_t)(recent->view->lines.end - recent->view->lines.begin);
	r.cap = (kept < WATCH_REPLY_MOST ? kept : WATCH_REPLY_MOST) + AUDIT_RECORD_MOST +
		LAST_LINE_ROOM;
	r.text = mem_alloc(r.cap);
	if (!r.text)
		return FAIL(e, ENOMEM, "the last decisions");
	write_reply(recent, &c, &r);
	*ret = r.text;
	*len = r.n;
	return 0;
}
