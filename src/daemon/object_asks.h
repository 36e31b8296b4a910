/*
 * What dspd asks dsp-resolve about containers, execs, networks and volumes. Requests that name the
 * same thing share an ask, as long as dockerd has not begun to answer it: so an answer is never
 * older than a request that it decides. Nothing is kept behind the last request that waits for it.
 * Used by the event loop's thread alone.
 */
#ifndef DSP_OBJECT_ASKS_H
#define DSP_OBJECT_ASKS_H

#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "dsp/core/base/mem_list.h"
#include "dsp/core/facts/object_info.h"
#include "resolver.h"

/* Of the requests that the resolver has in hand, the rest is left for dockerd's defaults. */
enum { OBJECT_ASKS_MOST = RESOLVER_ASKS_MOST - 2 };

/* One ask, and its answer. Its texts live as long as it does. */
struct object_ask {
	TAILQ_ENTRY(object_ask) link;
	unsigned owners; /* requests that need it, and the resolver while it has it in hand */
	enum resolve_kind kind;
	char reference[RESOLVE_REFERENCE_MOST + 1];
	enum { ASK_WAITS, ASK_SENT, ASK_ENDED } state;
	uint64_t sent_us;
	bool seen;     /* a dockerd asked about dsp-resolve's GET, and may have answered it */
	pid_t seen_by; /* which; 0: one in another namespace; -1: several */
	enum resolve_result result;
	struct span texts[RESOLVE_TEXTS];
	const struct object_label *labels; /* without the keys that stand there twice */
	size_t label_count;
	bool labels_unsure; /* a key stood there twice */
	char trouble[200];
	struct mem_list memory;
};

struct object_asks;

/* How asks ended, since the start. */
struct object_ask_counts {
	uint64_t found, missing, failed;
	uint64_t us; /* from sending to the answer, of all of them */
};

/* resolver: borrowed. NULL and e: no memory. */
struct object_asks *object_asks_new(struct resolver *resolver, struct err *e)
	__attribute__((warn_unused_result));

/* No request may wait any more. NULL is fine. */
void object_asks_free(struct object_asks *s);

/*
 * The ask of this kind and reference, a new one or one that is on its way; the caller releases it.
 * RESOLVE_INFO has an empty reference.
 * path: of dsp-resolve's socket. A failure to ask is an ask that has ended. NULL: no memory.
 */
struct object_ask *object_asks_ask(struct object_asks *s, const char *path, enum resolve_kind kind,
	struct span reference) __attribute__((warn_unused_result));
void object_asks_release(struct object_asks *s, struct object_ask *a);

/*
 * A dockerd asks about a request of dsp-resolve, and will answer it. reference: as the target names
 * it; of RESOLVE_IDS it names none.
 */
void object_asks_seen(
	struct object_asks *s, enum resolve_kind kind, struct span reference, pid_t dockerd);

/* Whether it is this dockerd that answered. */
bool object_ask_is_of(const struct object_ask *a, pid_t dockerd);

/* Takes an answer whose tag is an ask. */
void object_asks_take(struct object_asks *s, const struct resolver_result *r);

const struct object_ask_counts *object_asks_counts(const struct object_asks *s);

#endif
