/* When to give free memory back to the system: it takes milliseconds, so not while it is busy. */
#ifndef DSP_MEMORY_TRIM_H
#define DSP_MEMORY_TRIM_H

#include <stdbool.h>
#include <stdint.h>

struct trim {
	uint64_t active_at; /* when something happened last */
	unsigned most;      /* connections since memory was last given back */
	bool done;          /* it was, and nothing happened since */
};

/* Lets freed memory go back to the system. Call it once, at the start. */
void memory_trim_tune(void);

/* Something happened, with so many connections. */
void trim_active(struct trim *t, uint64_t now, unsigned connections);

/* Gives back at once when many connections have gone, else when it is quiet. */
void trim_turn(struct trim *t, uint64_t now, unsigned connections);

/* The shorter of wait (-1: for ever) and the time until it may be quiet. */
int trim_wait(const struct trim *t, uint64_t now, int wait);

#endif
