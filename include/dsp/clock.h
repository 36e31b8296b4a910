/* Milliseconds of a clock that only goes forward, and waits that end with the first of several. */
#ifndef DSP_CLOCK_H
#define DSP_CLOCK_H

#include <stdint.h>

/* Now, to a few milliseconds: cheap enough for every turn of a loop. */
uint64_t clock_about(void);

/* Now. */
uint64_t clock_now(void);

/* Microseconds: now on the clock that is never set, and since 1970. */
uint64_t clock_us(void);
uint64_t clock_date_us(void);

/* The shorter of two waits: wait (-1: for ever), and from now until then. */
int clock_earlier(int wait, uint64_t now, uint64_t then);

#endif
