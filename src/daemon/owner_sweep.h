/*
 * Drops the owners of what dockerd no longer has, such as containers that removed themselves: twice
 * an hour dsp-resolve is asked about each thing that has an owner, one after the other, and what
 * was missing twice is dropped. Used by the event loop's thread alone.
 */
#ifndef DSP_OWNER_SWEEP_H
#define DSP_OWNER_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "dsp/owners/owners.h"

struct object_ask;
struct service;

struct owner_sweep {
	uint64_t next_at; /* when the next pass begins; 0: not known yet */
	bool runs;
	struct object_ask *ask; /* about the thing below; NULL: none */
	enum attribute_kind kind;
	char id[OWNED_ID_MOST + 1]; /* empty: the pass begins */
	/* Volumes in doubt are asked about at once, pass or none. */
	struct object_ask *check; /* NULL: none */
	uint64_t check_moment;    /* owners_moment */
	uint64_t check_at;        /* not before */
	char checked[OWNED_ID_MOST + 1];
};

/* Goes on. Returns in how many ms to call it again; 0: at the next event. */
unsigned owner_sweep_step(struct service *service);

/* Begins a pass now, if none runs. */
void owner_sweep_begin(struct service *service);

/* Ends it, before the asks are freed. */
void owner_sweep_end(struct service *service);

#endif
