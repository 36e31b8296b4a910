/*
 * The last decisions, for those who look on (dsp watch): lines as an audit trail of all decisions
 * has them, in memory that is there only while somebody looks. When it is full the oldest go, and
 * who comes too late is told how many. Of one thread; nothing in it waits.
 */
#ifndef DSP_RECENT_DECISIONS_H
#define DSP_RECENT_DECISIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsp/core/base/span.h"
#include "dsp/core/record/audit_record.h"

enum {
	WATCH_MS = 10000, /* nobody looked for so long: nobody looks on */
};

/* What is there only while somebody looks. */
struct recent_view;

struct recent_decisions {
	char instance[24];        /* no other dsp has it; the names of lines begin with it */
	uint64_t lines;           /* all so far; while nobody looks, a decision is one */
	uint64_t decisions;       /* all so far */
	struct recent_view *view; /* NULL: nobody looks */
};

void recent_decisions_init(struct recent_decisions *recent);
void recent_decisions_free(struct recent_decisions *recent);

static inline bool recent_decisions_active(const struct recent_decisions *recent)
{
	return recent->view != NULL;
}

/* A decision: what its line in a trail would be told of. */
void recent_decisions_add(struct recent_decisions *recent, const struct decision_event *e);

/* What became of a request; its decision and pair are set for the line, and not to be used. */
void recent_decisions_add_outcome(struct recent_decisions *recent, struct request_outcome *o);

/* dockerd has started anew: of what it had in hand it will tell nothing more. */
void recent_decisions_dockerd_restarted(struct recent_decisions *recent);

/*
 * What came behind a cursor, which a reply before this ended with; empty: nothing, but it begins
 * here; of another instance: all. mem_free is for the caller. The reply is lines of a trail, the
 * first of type "dropped" when some are missing, and a last one:
 * {"watch":1,"instance":"...","cursor":"...","decisions":N,"more":false}; more: ask at once. -1 and
 * e, with EINVAL: such a cursor was never given.
 */
MUST_USE int recent_decisions_read(struct recent_decisions *recent, struct span cursor, char **ret,
	size_t *len, struct err *e);

/* Gives memory back once nobody looks on. In how many milliseconds to call again; 0: no need. */
unsigned recent_decisions_tick(struct recent_decisions *recent);

/* Bytes that are allocated; 0: nobody looks. */
size_t recent_decisions_bytes(const struct recent_decisions *recent);

#endif
