/* What /Dsp.Status and the metrics show of the daemon. Borrowed, for one call. */
#ifndef DSP_STATE_VIEW_H
#define DSP_STATE_VIEW_H

#include "dockerd_facts.h"
#include "dsp/owners/owners.h"
#include "grants.h"
#include "held_requests.h"
#include "lookup_process.h"
#include "probe.h"
#include "sinks.h"
#include "snapshot.h"

struct state_view {
	const struct snapshot *snapshot;
	const struct sinks *sinks;
	const struct probes *probes;
	const struct dockerd_facts *dockerds;
	struct grants *grants;
	const struct held_requests *held;
	struct owners *owners;                      /* NULL: a managed plugin keeps none */
	const struct object_ask_counts *objects;    /* NULL: a managed plugin has no dsp-resolve */
	unsigned connections;                       /* open ones */
	const struct lookup_process_state *lookups; /* NULL: a managed plugin has no such process */
};

#endif
