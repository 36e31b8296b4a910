/*
 * The lines of the audit log on their way to the writer. A line waits, or is counted as a repeat of
 * one before it, or is dropped and counted. It does not lock: the owner does.
 */
#ifndef DSP_AUDIT_QUEUE_H
#define DSP_AUDIT_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "dsp/audit/repeat_filter.h"
#include "dsp/core/record/audit_record.h"
#include "dsp/system/clock.h"
#include "dsp/system/host_name.h"
#include "line_queue.h"

enum { AUDIT_FIELDS_MOST = 1024 }; /* bytes of the journal's fields of a line */

struct audit_queue {
	struct line_queue lines;
	struct repeat_filter repeats;
	bool journal;            /* lines get fields for the journal */
	uint64_t lost;           /* dropped lines that no line reports yet */
	uint64_t lost_decisions; /* of these, lines of decisions */
	uint64_t lost_since;     /* microseconds since 1970 */
	char prefix[24];         /* of all ids */
	uint64_t next;
	char host[HOST_NAME_ROOM];
	struct audit_record_line line; /* the line that is to be put */
	uint64_t line_us;              /* its time, us since 1970; UINT64_MAX: no line yet */
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

/* The journal's fields of a line that is not a decision's; empty when lines get none. */
struct span audit_queue_fields(struct audit_queue *q, const char *type, const char *message);

enum queue_result { QUEUE_WAITS, QUEUE_REPEATED, QUEUE_DROPPED };

/*
 * Queues q->line, which has the head of the last audit_queue_head. On QUEUE_REPEATED head->id
 * becomes the id of the line that it repeats.
 */
enum queue_result audit_queue_put(struct audit_queue *q, enum line_kind kind,
	struct audit_record_head *head, struct span fields);

/* Queue lines that report what was dropped, and repeats whose second is over (or all). */
void audit_queue_report_dropped(struct audit_queue *q);
void audit_queue_report_repeats(struct audit_queue *q, bool all);

#endif
