/*
 * Clocks: monotonic milliseconds, the date in microseconds, and waits until the first of several.
 */
#ifndef DSP_CLOCK_H
#define DSP_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/* Monotonic milliseconds, to a few milliseconds: cheap enough for every round of a loop. */
uint64_t clock_about(void);

/* Monotonic milliseconds. */
uint64_t clock_now(void);

/* Microseconds: monotonic, and since 1970. */
uint64_t clock_us(void);
uint64_t clock_date_us(void);

/* Microseconds since the machine's start: it runs while the machine sleeps, whatever the date. */
uint64_t clock_boot_us(void);

enum { CLOCK_TEXT_ROOM = 32 };

/* Microseconds since 1970 as RFC 3339 in UTC: "2026-11-29T10:35:00.000000Z"; terminated. */
void clock_write(uint64_t us, char out[CLOCK_TEXT_ROOM]);

/* The same, and faster: out already holds the text of last_us, and only what differs is written. */
void clock_write_next(uint64_t us, uint64_t last_us, char out[CLOCK_TEXT_ROOM]);

/*
 * Initialises a condition whose timed waits use the monotonic clock, and returns the time ms from
 * now on that clock. (pthread_cond_clockwait needs no such condition, but ThreadSanitizer does not
 * know it.)
 */
void clock_condition(pthread_cond_t *ret);
struct timespec clock_after(unsigned ms);

/* The shorter of two waits, in ms: wait (-1: for ever), and from now until then. */
int clock_earlier(int wait, uint64_t now, uint64_t then);

#endif
