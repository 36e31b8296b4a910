/*
 * The process that looks up mount sources. It alone may search every directory of the host
 * (CAP_DAC_READ_SEARCH), where dspd has that right at its start; it can read no file, and has few
 * system calls. A keeper starts it, and again when it ends; it makes a child for each look-up that
 * finds no child waiting, so that one that hangs or breaks is no other's trouble. A child waits for
 * the next look-up, and keeps what it knows of the host (host/host_view.h). All of them end with
 * dspd. Call these from the event loop only; none of them blocks, except lookup_process_stop.
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
 * A stream to a new child, which answers as lookup_message.h has it: for lookup_pool_new. place: a
 * number below LOOKUP_PLACES that no other child has; *shared: that place, valid until the end of
 * dspd. The caller closes the stream, and the child then ends. -1 and errno: there is none.
 */
MUST_USE int lookup_process_open(size_t place, struct lookup_place **shared);

/* A child is ready, of the look-up process with this number (LOOKUP_BEGUN). */
void lookup_process_has_begun(unsigned process);

/* How many children were ready until now. */
unsigned long lookup_process_begun(void);

/* The look-up process makes no child: its keeper starts another one. */
void lookup_process_replace(void);

/* A look-up failed, with this errno value; for lookup_process_state. */
void lookup_process_failed(int code);

struct lookup_process_state {
	bool running;      /* false: every look-up fails */
	bool sees_all;     /* it may search every directory */
	unsigned restarts; /* how often it was started again, as far as look-ups have shown */
	unsigned failures; /* look-ups that failed */
	char trouble[160]; /* the last failure; empty: none */
};

struct lookup_process_state lookup_process_state(void);

/* Ends it: at most 200 ms. */
void lookup_process_stop(void);

#endif
