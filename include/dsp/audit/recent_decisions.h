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
struct watch_view;

struct watch {
	char instance[24];       /* no other dsp has it; the names of lines begin with it */
	uint64_t lines;          /* all so far; while nobody looks, a decision is one */
	uint64_t decisions;      /* all so far */
	struct watch_view *view; /* NULL: nobody looks */
};

void watch_init(struct watch *w);
void watch_end(struct watch *w);

static inline bool watch_is_on(const struct watch *w)
{
	return w->view != NULL;
}

/* A decision: what its line in a trail would be told of. */
void watch_decision(struct watch *w, const struct audit_record *r, uint64_t duration_us);

/* What became of a request; its decision and pair are set for the line, and not to be used. */
void watch_outcome(struct watch *w, struct request_outcome *o);

/* dockerd has started anew: of what it had in hand it will tell nothing more. */
void watch_new_dockerd(struct watch *w);

/*
 * What came behind a cursor, which a reply before this ended with; empty: nothing, but it begins
 * here; of another instance: all. mem_free is for the caller. The reply is lines of a trail, the
 * first of type "dropped" when some are missing, and a last one:
 * {"watch":1,"instance":"...","cursor":"...","decisions":N,"more":false}; more: ask at once. -1 and
 * e, with EINVAL: such a cursor was never given.
 */
MUST_USE int watch_read(
	struct watch *w, struct span cursor, char **ret, size_t *len, struct err *e);

/* Gives memory back once nobody looks on. In how many milliseconds to call again; 0: no need. */
unsigned watch_tick(struct watch *w);

/* Bytes that are allocated; 0: nobody looks. */
size_t watch_bytes(const struct watch *w);

#endif
