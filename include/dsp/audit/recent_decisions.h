/*
 * The last decisions, for watchers (dsp watch): lines as an audit log of all decisions has them.
 * The memory is allocated while there is a watcher. When it is full the oldest lines go, and a slow
 * watcher gets their number. For one thread; no function blocks.
 */
#ifndef DSP_RECENT_DECISIONS_H
#define DSP_RECENT_DECISIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsp/core/base/span.h"
#include "dsp/core/record/audit_record.h"
#include "dsp/system/host_name.h"

enum {
	WATCH_MS = 10000, /* after so long without a read there is no watcher */
};

/* Exists while there is a watcher. */
struct recent_view;

struct recent_decisions {
	char instance[24]; /* unique to this process; ids of lines begin with it */
	char host[HOST_NAME_ROOM];
	uint64_t lines;           /* all so far; without a watcher, a decision is one */
	uint64_t decisions;       /* all so far */
	struct recent_view *view; /* NULL: there is no watcher */
};

void recent_decisions_init(struct recent_decisions *recent);
void recent_decisions_free(struct recent_decisions *recent);

static inline bool recent_decisions_active(const struct recent_decisions *recent)
{
	return recent->view != NULL;
}

/* Records a decision. */
void recent_decisions_add(struct recent_decisions *recent, const struct decision_event *e);

/*
 * Records the outcome of a request (AuthZRes). Sets o->decision and o->pair for the line; the
 * caller must not use them.
 */
void recent_decisions_add_outcome(struct recent_decisions *recent, struct request_outcome *o);

/* Records what became of a grant. */
void recent_decisions_add_grant(struct recent_decisions *recent, const struct grant_event *e);

/* dockerd restarted: drop all pending requests, their AuthZRes will not come. */
void recent_decisions_dockerd_restarted(struct recent_decisions *recent);

/*
 * Returns the lines after `cursor` (from the previous reply). Empty cursor: start now, no lines.
 * Cursor of an earlier process: everything kept. The caller frees *ret with mem_free. The reply has
 * lines of an audit log, the first of type "dropped" when some are missing, and a last line
 * {"watch":1,"instance":"...","cursor":"...","decisions":N,"more":false}; "more": ask again at
 * once. -1 and e; code EINVAL: no reply ended with such a cursor.
 */
MUST_USE int recent_decisions_read(struct recent_decisions *recent, struct span cursor, char **ret,
	size_t *len, struct err *e);

/* Frees the memory once there is no watcher. Returns in how many ms to call again; 0: no need. */
unsigned recent_decisions_tick(struct recent_decisions *recent);

/* Bytes allocated; 0: there is no watcher. */
size_t recent_decisions_bytes(const struct recent_decisions *recent);

#endif
