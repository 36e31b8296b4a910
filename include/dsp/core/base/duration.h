/* Lengths of time as people write them: 90s, 15m, 8h, 2d. */
#ifndef DSP_DURATION_H
#define DSP_DURATION_H

#include <stdbool.h>
#include <stdint.h>

#include "dsp/core/base/span.h"

enum { DURATION_ROOM = 32 };

/* Parses "90s", "15m", "8h", "2d", or "0", into seconds. False: text is none of them. */
bool duration_parse(struct span text, uint64_t *seconds);

/* Writes the same: "15m" of 900, "90s" of 90; terminated. Returns out. */
const char *duration_write(uint64_t seconds, char out[DURATION_ROOM]);

/* Writes it for people: "15 min", "1 h 30 min", "40 s"; terminated. Returns out. */
const char *duration_write_long(uint64_t seconds, char out[DURATION_ROOM]);

#endif
