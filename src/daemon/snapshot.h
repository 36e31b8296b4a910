/*
 * The settings in force. A request keeps the snapshot that it began with, so a reload in between
 * changes nothing for it. Used by the event loop's thread alone.
 */
#ifndef DSP_SNAPSHOT_H
#define DSP_SNAPSHOT_H

#include <stdint.h>

#include "dsp/config/config.h"

struct reload;

struct snapshot {
	struct config *config; /* owned */
	unsigned generation;   /* 1 at the start; one more with each reload */
	uint64_t since_us;     /* when it was made, since 1970 */
	unsigned holders;
	struct reload *reload; /* whose thread frees it; borrowed; NULL: the last holder does */
};

/* Owns config from now on, with one holder: the caller. NULL: no memory, and config stays. */
struct snapshot *snapshot_new(struct config *config, struct reload *reload)
	__attribute__((warn_unused_result));

/* One more holder. Returns s. */
struct snapshot *snapshot_hold(struct snapshot *s);

/* One holder less; the last one frees the snapshot and its settings. NULL is fine. */
void snapshot_release(struct snapshot *s);

/* Puts next in force for every request from now on; the caller's hold on it passes to *current. */
void snapshot_replace(struct snapshot **current, struct snapshot *next);

#endif
