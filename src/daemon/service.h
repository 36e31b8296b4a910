/* The parts of the daemon that its endpoints work with. Used by the event loop's thread alone. */
#ifndef DSP_SERVICE_H
#define DSP_SERVICE_H

#include <sys/queue.h>

#include "dockerd_facts.h"
#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"
#include "held_requests.h"
#include "lookup_pool.h"
#include "object_asks.h"
#include "owner_sweep.h"
#include "probe.h"
#include "reload.h"
#include "sinks.h"
#include "snapshot.h"

struct daemon;
struct exchange;
struct expected;
struct grants;
struct owners;
struct response;
struct root_call;

struct service {
	struct daemon *daemon;     /* whom these parts belong to; for put_in_force */
	struct snapshot *snapshot; /* in force; held */
	struct reload *reload;     /* owned; NULL: the settings are never read again */
	/* Puts settings in force that were read; false: none were. */
	bool (*put_in_force)(struct daemon *daemon);
	struct lookup_pool *pool; /* borrowed; NULL: mount sources are not looked up */
	/* dsp-resolve, what it said of each dockerd, and the requests that wait; NULL: none. */
	struct resolver *resolver;
	struct dockerd_facts *dockerds; /* owned, as resolver is */
	struct object_asks *objects;    /* owned; what it is asked about containers and others */
	LIST_HEAD(, exchange) waiting;
	/* Who owns what; NULL: a managed plugin records no owners. */
	struct owners *owners;
	struct expected *expected; /* owned, as owners is */
	LIST_HEAD(, response) settling;
	struct held_requests held; /* requests that wait for root, and root's calls about them */
	TAILQ_HEAD(, root_call) root_calls;
	struct owner_sweep sweep;
	struct sinks sinks;    /* borrowed */
	struct grants *grants; /* owned */
	struct probes probes;
	unsigned connections; /* open ones; the server keeps the number current */
};

#endif
