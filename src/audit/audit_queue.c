#include "audit_queue.h"

#include <stdio.h>

#include "dsp/core/base/text.h"
#include "dsp/system/clock.h"

int audit_queue_init(struct audit_queue *q, size_t bytes, struct err *e)
{
	(void)snprintf(q->prefix, sizeof(q->prefix), "%llx", (unsigned long long)clock_date_us());
	host_name(q->host);
	q->line_us = UINT64_MAX; /* line_time has no text yet */
	return line_queue_init(&q->lines, bytes, e);
}

void audit_queue_free(struct audit_queue *q)
{
	line_queue_free(&q->lines);
	repeat_filter_free(&q->repeats);
}

static void next_id(struct audit_queue *q, char out[AUDIT_RECORD_ID_ROOM])
{
	char number[TEXT_DECIMAL_ROOM];
	struct line text;

	text_decimal(++q->next, number);
	line_init(&text, out, AUDIT_RECORD_ID_ROOM);
	line_join(&text, q->prefix, "-", number, NULL);
}

struct audit_record_head audit_queue_head(struct audit_queue *q)
{
	const uint64_t now_us = clock_date_us();

	next_id(q, q->line_id);
	clock_write_next(now_us, q->line_us, q->line_time);
	q->line_us = now_us;
	return (struct audit_record_head){
		.id = q->line_id, .time = q->line_time, .host = q->host
	};
}

static struct span write_fields(
	const struct audit_queue *q, const char *type, const char *message, struct line *text)
{
	if (!q->journal)
		return (struct span){ NULL, 0 };
	line_add(text, "MESSAGE=%s\nPRIORITY=5\nSYSLOG_IDENTIFIER=dsp\nDSP_TYPE=%s\n", message,
		type);
	return (struct span){ text->text, text->n };
}

struct span audit_queue_fields(struct audit_queue *q, const char *type, const char *message)
{
	struct line text;

	line_init(&text, q->fields, sizeof(q->fields));
	return write_fields(q, type, message, &text);
}

/* A notice may come before the line that waits to be put, so it has buffers of its own. */
static bool put_notice(struct audit_queue *q, const char *type, const char *message)
{
	struct line text;

	line_init(&text, q->notice_fields, sizeof(q->notice_fields));
	return line_queue_put(&q->lines, LINE_NOTICE, (struct span){ q->notice.text, q->notice.n },
		write_fields(q, type, message, &text));
}

static bool put_repeats(struct audit_queue *q, struct repeat *f)
{
	char id[AUDIT_RECORD_ID_ROOM];
	char time[CLOCK_TEXT_ROOM];
	char since[CLOCK_TEXT_ROOM];
	char message[128];
	struct audit_record_head head = {
		.id = id, .time = time, .host = q->host, .count = f->count, .since = since
	};
	struct line text;

	clock_write(f->last_us, time);
	clock_write(f->first_us, since);
	next_id(q, id);
	audit_record_repeats(&head, f->id, f->type, &q->notice);
	line_init(&text, message, sizeof(message));
	line_add(&text, "repeated %llu times: %s", (unsigned long long)f->count, f->id);
	if (!put_notice(q, "repeat", message))
		return false;
	repeat_clear(f);
	return true;
}

void audit_queue_report_dropped(struct audit_queue *q)
{
	char id[AUDIT_RECORD_ID_ROOM];
	char time[CLOCK_TEXT_ROOM];
	char since[CLOCK_TEXT_ROOM];
	char message[128];
	struct audit_record_head head = {
		.id = id, .time = time, .host = q->host, .count = q->lost, .since = since
	};
	struct line text;

	if (q->lost == 0)
		return;
	clock_write(clock_date_us(), time);
	clock_write(q->lost_since, since);
	next_id(q, id);
	audit_record_dropped(&head, q->lost_decisions, &q->notice);
	line_init(&text, message, sizeof(message));
	line_add(&text, "%llu lines of the audit log are missing", (unsigned long long)q->lost);
	if (put_notice(q, "dropped", message))
		q->lost = q->lost_decisions = 0;
}

static struct span stable_part(const struct audit_record_line *line)
{
	return (struct span){ line->text + line->stable, line->n - line->stable };
}

enum queue_result audit_queue_put(struct audit_queue *q, enum line_kind kind,
	struct audit_record_head *head, struct span fields)
{
	struct span line = { q->line.text, q->line.n };
	static const char *const types[LINE_KINDS] = { "decision", "outcome", "grant", "asked" };
	struct repeat_source of = { head->id, types[kind] };
	struct repeat *f = repeat_filter_find(&q->repeats, stable_part(&q->line), q->line_us);

	if (f) {
		repeat_count(f, q->line_us);
		head->id = f->id;
		return QUEUE_REPEATED;
	}
	audit_queue_report_dropped(q);
	f = repeat_filter_oldest(&q->repeats);
	if (f->count > 0 && !put_repeats(q, f))
		f = NULL;
	if (q->lost > 0 || !f || !line_queue_put(&q->lines, kind, line, fields)) {
		q->lost_since = q->lost++ == 0 ? q->line_us : q->lost_since;
		q->lost_decisions += kind == LINE_DECISION;
		return QUEUE_DROPPED;
	}
	repeat_filter_add(&q->repeats, stable_part(&q->line), &of, q->line_us);
	return QUEUE_WAITS;
}

void audit_queue_report_repeats(struct audit_queue *q, bool all)
{
	struct repeat *f;

	while ((f = repeat_filter_due(&q->repeats, clock_date_us(), all)) != NULL) {
		if (!put_repeats(q, f))
			return;
	}
}
