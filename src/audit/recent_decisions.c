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

struct watch_view {
	struct backlog backlog;
	uint64_t gone;      /* decisions before the first line that is kept */
	uint64_t looked_at; /* milliseconds */
	struct flights *flights;
	struct audit_record_line line; /* the one that is to be kept */
};

void watch_init(struct watch *w)
{
	/* Names in an audit trail have one digit less, so none is given twice. */
	*w = (struct watch){ .lines = 0 };
	(void)snprintf(
		w->instance, sizeof(w->instance), "%llx0", (unsigned long long)clock_date_us());
}

void watch_end(struct watch *w)
{
	if (!w->view)
		return;
	backlog_free(&w->view->backlog);
	flights_free(w->view->flights);
	mem_free(w->view);
	w->view = NULL;
}

size_t watch_bytes(const struct watch *w)
{
	return w->view ? sizeof(*w->view) + w->view->backlog.size : 0;
}

static int begin(struct watch *w, struct err *e)
{
	struct watch_view *v = mem_array(1, sizeof(*v));

	if (!v)
		return FAIL(e, ENOMEM, "the last decisions");
	w->view = v;
	v->gone = w->decisions;
	v->flights = flights_new();
	if (!v->flights || backlog_init(&v->backlog, WATCH_BYTES, e) != 0) {
		watch_end(w);
		return FAIL(e, ENOMEM, "the last decisions");
	}
	return 0;
}

unsigned watch_tick(struct watch *w)
{
	if (w->view && clock_about() >= w->view->looked_at + WATCH_MS)
		watch_end(w);
	return w->view ? TICK_MS : 0;
}

/* --- what comes --------------------------------------------------------------------------------*/

static void name_line(const struct watch *w, uint64_t number, char id[AUDIT_RECORD_ID_ROOM])
{
	struct line l;

	line_init(&l, id, AUDIT_RECORD_ID_ROOM);
	line_add(&l, "%s-%llu", w->instance, (unsigned long long)number);
}

/* The oldest go until the new one has room, and it is smaller than all. */
static void keep(struct watch_view *v, enum backlog_kind kind)
{
	while (!backlog_put(&v->backlog, kind, (struct span){ v->line.text, v->line.n },
		(struct span){ NULL, 0 }))
		v->gone += backlog_take_first(&v->backlog) == LINE_DECISION;
}

void watch_decision(struct watch *w, const struct audit_record *r, uint64_t duration_us)
{
	char id[AUDIT_RECORD_ID_ROOM];
	struct audit_record_head head = { .id = id, .duration_us = duration_us };

	w->lines++;
	w->decisions++;
	if (watch_tick(w) == 0)
		return;
	head.time_us = clock_date_us();
	name_line(w, w->lines, id);
	audit_record_decision(&head, r, &w->view->line);
	keep(w->view, LINE_DECISION);
	if (audit_record_allows(r))
		flights_begin(w->view->flights, r->request, id);
}

void watch_outcome(struct watch *w, struct request_outcome *o)
{
	char decision[AUDIT_RECORD_ID_ROOM];
	char id[AUDIT_RECORD_ID_ROOM];
	struct audit_record_head head = { .id = id };

	if (!w->view)
		return;
	head.time_us = clock_date_us();
	name_line(w, ++w->lines, id);
	(void)flights_end(w->view->flights, o, decision);
	audit_record_outcome(&head, o, &w->view->line);
	keep(w->view, LINE_OUTCOME);
}

void watch_new_dockerd(struct watch *w)
{
	if (w->view)
		flights_forget(w->view->flights);
}

/* --- who looks ---------------------------------------------------------------------------------*/

/* How far somebody has read: so many lines, so many decisions, until then. */
struct cursor {
	uint64_t lines;
	uint64_t decisions;
	uint64_t time_us;
};

/* "-123" off rest. False: something else is there. */
static bool take_number(struct span *rest, uint64_t *ret)
{
	enum { DIGITS = 19 }; /* fewer than overflow */
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

static int read_cursor(const struct watch *w, struct span text, struct cursor *ret, struct err *e)
{
	struct span instance = { text.s, span_find(text, '-') };
	struct span rest = span_after(text, instance.n);
	struct cursor c;

	if (!take_number(&rest, &c.lines) || !take_number(&rest, &c.decisions) ||
		!take_number(&rest, &c.time_us) || rest.n > 0)
		return FAIL(e, EINVAL, "no cursor");
	if (!span_equal(instance, span_of(w->instance)))
		c = (struct cursor){ .time_us = c.time_us };
	if (c.lines > w->lines || c.decisions > w->decisions)
		return FAIL(e, EINVAL, "no cursor of this dsp");
	*ret = c;
	return 0;
}

struct reply {
	char *text;
	size_t n;
	size_t cap;
};

/* The lines that the reader has missed, of those before `first`. */
static void tell_lost(
	const struct watch *w, const struct cursor *c, uint64_t first, struct reply *r)
{
	char id[AUDIT_RECORD_ID_ROOM];
	struct audit_record_head head = { .id = id,
		.time_us = clock_date_us(),
		.count = first - 1 - c->lines,
		.since_us = c->time_us };
	struct audit_record_line *line = &w->view->line;

	/* The name of one of them, which nobody has seen. */
	name_line(w, first - 1, id);
	audit_record_dropped(&head, w->view->gone - c->decisions, line);
	memcpy(r->text + r->n, line->text, line->n);
	r->n += line->n;
}

static void tell_state(const struct watch *w, const struct cursor *c, struct reply *r)
{
	struct line l;

	line_init(&l, r->text + r->n, r->cap - r->n);
	line_add(&l,
		"{\"watch\":1,\"instance\":\"%s\",\"cursor\":\"%s-%llu-%llu-%llu\","
		"\"decisions\":%llu,\"more\":%s}\n",
		w->instance, w->instance, (unsigned long long)c->lines,
		(unsigned long long)c->decisions, (unsigned long long)c->time_us,
		(unsigned long long)w->decisions, c->lines < w->lines ? "true" : "false");
	r->n += l.n;
}

static void write_reply(const struct watch *w, struct cursor *c, struct reply *r)
{
	const struct backlog *b = &w->view->backlog;
	uint64_t first = w->lines - b->count + 1; /* the number of the first that is kept */
	struct backlog_view v;

	if (c->lines + 1 < first) {
		tell_lost(w, c, first, r);
		c->lines = first - 1;
		c->decisions = w->view->gone;
	}
	v = backlog_lines(
		b, (size_t)(c->lines + 1 - first), r->text + r->n, r->cap - LAST_LINE_ROOM - r->n);
	r->n += v.bytes;
	c->lines += v.lines;
	c->decisions += v.kinds[LINE_DECISION];
	c->time_us = clock_date_us();
	tell_state(w, c, r);
}

int watch_read(struct watch *w, struct span cursor, char **ret, size_t *len, struct err *e)
{
	struct cursor c = { w->lines, w->decisions, 0 };
	struct reply r = { .n = 0 };
	size_t kept;

	if (cursor.n > 0 && read_cursor(w, cursor, &c, e) != 0)
		return -1;
	if (!w->view && begin(w, e) != 0)
		return -1;
	w->view->looked_at = clock_about();
	kept = (size_t)(w->view->backlog.end - w->view->backlog.begin);
	r.cap = (kept < WATCH_REPLY_MOST ? kept : WATCH_REPLY_MOST) + AUDIT_RECORD_MOST +
		LAST_LINE_ROOM;
	r.text = mem_alloc(r.cap);
	if (!r.text)
		return FAIL(e, ENOMEM, "the last decisions");
	write_reply(w, &c, &r);
	*ret = r.text;
	*len = r.n;
	return 0;
}
