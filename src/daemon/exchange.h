/* One request of dockerd's in dspd, from its first look to its answer. */
#ifndef DSP_EXCHANGE_H
#define DSP_EXCHANGE_H

#include "dsp/core/facts/facts.h"
#include "dsp/core/parse/request.h"
#include "dsp/core/policy/decide.h"
#include "dsp/core/policy/message.h"
#include "dsp/core/policy/nearest_rule.h"
#include "dsp/core/policy/subject.h"
#include "server.h"
#include "service.h"

/* A request until its answer. It starts zeroed up to its facts; for each request that counts. */
struct exchange {
	struct call *call;
	struct snapshot *snapshot;
	struct grant_set *grants; /* those of its beginning; NULL: there were none */
	uint64_t begun_us;        /* when its last byte had come */
	uint64_t waited_from_us;  /* for a look-up; 0: for none */
	uint64_t waited_to_us;    /* for the last one */
	struct request request;
	struct subject subject;
	struct mount_lookup *lookup;   /* of its mount sources; NULL: it has none */
	bool in_pool;                  /* the pool has that look-up in hand */
	unsigned kinds;                /* that dockerd is asked about; a bit for each */
	struct object_lookup *objects; /* of what it names; NULL: it needs none */
	/* While it waits for what dsp-resolve says, first of dockerd, then of these. */
	LIST_ENTRY(exchange) waiting_link;
	enum waiting { WAITS_NOT, WAITS_FOR_DOCKERD, WAITS_FOR_OBJECTS } waits;
	uint64_t deadline;
	/* A copy of the request's body, which parsing changes; NULL: it need not wait for root. */
	char *body;
	struct held *held;          /* while it waits for root, and is judged again; or NULL */
	struct facts facts;         /* facts_init, until it is parsed */
	struct daemon_facts daemon; /* a copy: it may change while the mounts are looked up */
	struct decision asked; /* of held, but while it is judged: the ask that root shall answer */
	struct err error;
	struct nearest_rule near; /* to the decision, where that is a denial */
	char message[MESSAGE_MOST];
};

/* NULL: no memory. */
struct exchange *exchange_new(void);

/* What it points to is the caller's. */
void exchange_free(struct exchange *x);

/*
 * Sets the nearest rule, and returns the message of a denial, also of one that is only recorded.
 * NULL: d is none. Both live as long as x.
 */
const char *exchange_denial(struct exchange *x, const struct decision *d);

#endif
