/*
 * The lines of the audit trail on their way to the writer: each is folded into one before it, or
 * waits, or is dropped and counted. It locks nothing: its owner does.
 */
#ifndef DSP_AUDIT_QUEUE_H
#define DSP_AUDIT_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "dsp/audit/repeat_filter.h"
#include "dsp/core/record/audit_record.h"
#include "dsp/system/clock.h"
#include "line_queue.h"

enum { AUDIT_FIELDS_MOST = 1024 }; /* bytes of the journal's fields of a line */

struct audit_queue {
	struct line_queue lines;
	struct repeat_filter repeats;
	bool journal;            /* fields are wanted */
	uint64_t lost;           /* lines that were dropped, and were not told of yet */
	uint64_t lost_decisions; /* of these */
	uint64_t lost_since;
	char prefix[24]; /* of all ids */
	uint64_t next;
	struct audit_record_line line; /* the one that is to be put */
	uint64_t line_us;              /* its time, microseconds since 1970 */
	char line_time[CLOCK_TEXT_ROOM];
	char line_id[AUDIT_RECORD_ID_ROOM];
	struct audit_record_line notice;
	char fields[AUDIT_FIELDS_MOST]; /* of the line */
	char notice_fields[AUDIT_FIELDS_MOST / 2];
};

MUST_USE int audit_queue_init(struct audit_queue *q, size_t bytes, struct err *e);
void audit_queue_free(struct audit_queue *q);

/* The head of the next line: a new id, and now. Its texts live in q until the next call. */
struct audit_record_head audit_queue_head(struct audit_queue *q);

/* What the journal shows, and can be searched for, of a line that is no decision; or nothing. */
struct span audit_queue_fields(struct audit_queue *q, const char *type, const char *message);

enum queue_result { QUEUE_WAITS, QUEUE_REPEATED, QUEUE_DROPPED };

/*
 * Puts q->line, whose head is that of the last audit_queue_head. When it repeats a line, head->id
 * becomes that line's.
 */
enum queue_result audit_queue_put(struct audit_queue *q, enum line_kind kind,
	struct audit_record_head *head, struct span fields);

/* Lines of what was dropped, and of repeats whose second is over (or all), as there is room. */
void audit_queue_report_dropped(struct audit_queue *q);
void audit_queue_report_repeats(struct audit_queue *q, bool all);

#endif
