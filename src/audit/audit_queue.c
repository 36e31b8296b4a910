#include "audit_queue.h"

#include <stdio.h>

#include "dsp/core/base/text.h"
#include "dsp/system/clock.h"

int ledger_init(struct ledger *l, size_t bytes, struct err *e)
{
	(void)snprintf(l->prefix, sizeof(l->prefix), "%llx", (unsigned long long)clock_date_us());
	return backlog_init(&l->backlog, bytes, e);
}

void ledger_free(struct ledger *l)
{
	backlog_free(&l->backlog);
	folds_free(&l->folds);
}

void ledger_name(struct ledger *l, char out[AUDIT_RECORD_ID_ROOM])
{
	struct line text;

	line_init(&text, out, AUDIT_RECORD_ID_ROOM);
	line_add(&text, "%s-%llu", l->prefix, (unsigned long long)++l->next);
}

static struct span write_fields(
	const struct ledger *l, const char *type, const char *message, struct line *text)
{
	if (!l->journal)
		return (struct span){ NULL, 0 };
	line_add(text, "MESSAGE=%s\nPRIORITY=5\nSYSLOG_IDENTIFIER=dsp\nDSP_TYPE=%s\n", message,
		type);
	return (struct span){ text->text, text->n };
}

struct span ledger_fields(struct ledger *l, const char *type, const char *message)
{
	struct line text;

	line_init(&text, l->fields, sizeof(l->fields));
	return write_fields(l, type, message, &text);
}

/* A line of our own may come before the one that waits to be put, so it has buffers of its own. */
static bool put_notice(struct ledger *l, const char *type, const char *message)
{
	struct line text;

	line_init(&text, l->notice_fields, sizeof(l->notice_fields));
	return backlog_put(&l->backlog, LINE_NOTICE, (struct span){ l->notice.text, l->notice.n },
		write_fields(l, type, message, &text));
}

static bool put_repeats(struct ledger *l, struct fold *f)
{
	char id[AUDIT_RECORD_ID_ROOM];
	char message[128];
	struct audit_record_head head = {
		.id = id, .time_us = f->last_us, .count = f->count, .since_us = f->first_us
	};
	struct line text;

	ledger_name(l, id);
	audit_record_repeats(&head, f->id, f->type, &l->notice);
	line_init(&text, message, sizeof(message));
	line_add(&text, "the same again %llu times: %s", (unsigned long long)f->count, f->id);
	if (!put_notice(l, "repeat", message))
		return false;
	fold_end(f);
	return true;
}

void ledger_tell_lost(struct ledger *l)
{
	char id[AUDIT_RECORD_ID_ROOM];
	char message[128];
	struct audit_record_head head = {
		.id = id, .time_us = clock_date_us(), .count = l->lost, .since_us = l->lost_since
	};
	struct line text;

	if (l->lost == 0)
		return;
	ledger_name(l, id);
	audit_record_dropped(&head, l->lost_decisions, &l->notice);
	line_init(&text, message, sizeof(message));
	line_add(&text, "%llu lines of the audit trail are missing", (unsigned long long)l->lost);
	if (put_notice(l, "dropped", message))
		l->lost = l->lost_decisions = 0;
}

static struct span stable_part(const struct audit_record_line *line)
{
	return (struct span){ line->text + line->stable, line->n - line->stable };
}

enum fate ledger_put(struct ledger *l, enum backlog_kind kind, struct audit_record_head *head,
	struct span fields)
{
	struct span line = { l->line.text, l->line.n };
	struct fold_of of = { head->id, kind == LINE_DECISION ? "decision" : "outcome" };
	struct fold *f = folds_find(&l->folds, stable_part(&l->line), head->time_us);

	if (f) {
		fold_count(f, head->time_us);
		head->id = f->id;
		return FATE_FOLDED;
	}
	ledger_tell_lost(l);
	f = folds_place(&l->folds);
	if (f->count > 0 && !put_repeats(l, f))
		f = NULL;
	if (l->lost > 0 || !f || !backlog_put(&l->backlog, kind, line, fields)) {
		l->lost_since = l->lost++ == 0 ? head->time_us : l->lost_since;
		l->lost_decisions += kind == LINE_DECISION;
		return FATE_DROPPED;
	}
	folds_begin(&l->folds, stable_part(&l->line), &of, head->time_us);
	return FATE_WAITS;
}

void ledger_tell_folds(struct ledger *l, bool all)
{
	struct fold *f;

	while ((f = folds_due(&l->folds, clock_date_us(), all)) != NULL) {
		if (!put_repeats(l, f))
			return;
	}
}
