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
#include "line_queue.h"

enum { LEDGER_FIELDS = 1024 }; /* bytes of the journal's fields of a line */

struct ledger {
	struct backlog backlog;
	struct folds folds;
	bool journal;            /* fields are wanted */
	uint64_t lost;           /* lines that were dropped, and were not told of yet */
	uint64_t lost_decisions; /* of these */
	uint64_t lost_since;
	char prefix[24]; /* of all names */
	uint64_t next;
	struct audit_record_line line; /* the one that is to be put */
	struct audit_record_line notice;
	char fields[LEDGER_FIELDS]; /* of the line */
	char notice_fields[LEDGER_FIELDS / 2];
};

MUST_USE int ledger_init(struct ledger *l, size_t bytes, struct err *e);
void ledger_free(struct ledger *l);

/* A name for the next line. */
void ledger_name(struct ledger *l, char out[AUDIT_RECORD_ID_ROOM]);

/* What the journal shows, and can be searched for, of a line that is no decision; or nothing. */
struct span ledger_fields(struct ledger *l, const char *type, const char *message);

enum fate { FATE_WAITS, FATE_FOLDED, FATE_DROPPED };

/* Puts l->line. When it is folded, head->id becomes that of the line before. */
enum fate ledger_put(struct ledger *l, enum backlog_kind kind, struct audit_record_head *head,
	struct span fields);

/* Lines of what was dropped, and of repeats whose second is over (or all), as there is room. */
void ledger_tell_lost(struct ledger *l);
void ledger_tell_folds(struct ledger *l, bool all);

#endif
