/*
 * The process that looks up mount sources. It alone may search every directory of the host
 * (CAP_DAC_READ_SEARCH), where dspd has that right at its start; it can read no file, and has few
 * system calls. A keeper starts it, and again when it ends; it makes a child for each look-up that
 * finds no child waiting, so that one that hangs or breaks is no other's trouble. A child waits for
 * the next look-up, and keeps what it knows of the host (host/host_view.h); POOL_THREADS of them at
 * most. All of them end with dspd.
 */
#ifndef DSP_LOOKUP_PROCESS_H
#define DSP_LOOKUP_PROCESS_H

#include <stdbool.h>

#include "dsp/core/base/err.h"
#include "dsp/host/mount_lookup.h"

/*
 * Starts it. Call it first of all: before there are threads, and before anything is read. From here
 * on this process has no capabilities, unless it is root's.
 */
MUST_USE int lookup_process_start(struct err *e);

/*
 * Runs a look-up there: for lookup_pool_new. When the process has ended, hangs or answers wrongly,
 * the look-up fails.
 */
void lookup_process_run(struct mount_lookup *l);

struct lookup_process_state {
	bool running;      /* false: every look-up fails */
	bool sees_all;     /* it may search every directory */
	unsigned restarts; /* how often it was started again, as far as look-ups have shown */
	unsigned failures; /* look-ups that failed */
	char trouble[160]; /* the last failure; empty: none */
};

struct lookup_process_state lookup_process_state(void);

/* Ends it. */
void lookup_process_stop(void);

#endif
