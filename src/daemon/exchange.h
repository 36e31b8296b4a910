/* One request of dockerd's in dspd, from its first look to its answer. */
#ifndef DSP_EXCHANGE_H
#define DSP_EXCHANGE_H

#include "dsp/core/facts/facts.h"
#include "dsp/core/parse/request.h"
#include "dsp/core/policy/decide.h"
#include "dsp/core/policy/subject.h"
#include "server.h"
#include "service.h"

/* A request until its answer. */
struct exchange {
	struct call *call;
	struct snapshot *snapshot;
	struct grant_set *grants; /* those of its beginning; NULL: there were none */
	uint64_t begun_us;        /* when its last byte had come */
	uint64_t waited_from_us;  /* for a look-up; 0: for none */
	uint64_t waited_to_us;    /* for the last one */
	struct request request;
	struct subject subject;
	struct facts facts;
	struct mount_lookup *lookup;   /* of its mount sources; NULL: it has none */
	bool in_pool;                  /* the pool has that look-up in hand */
	unsigned kinds;                /* that dockerd is asked about; a bit for each */
	struct object_lookup *objects; /* of what it names; NULL: it needs none */
	/* While it waits for what dsp-resolve says, first of dockerd, then of these. */
	LIST_ENTRY(exchange) waiting_link;
	enum waiting { WAITS_NOT, WAITS_FOR_DOCKERD, WAITS_FOR_OBJECTS } waits;
	uint64_t deadline;
	struct daemon_facts daemon; /* a copy: it may change while the mounts are looked up */
	/* A copy of the request's body, which parsing changes; NULL: it need not wait for root. */
	char *body;
	struct held *held;     /* while it waits for root, and is judged again; or NULL */
	struct decision asked; /* of held, but while it is judged: the ask that root shall answer */
};

#endif
