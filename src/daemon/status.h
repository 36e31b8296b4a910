/* The answer of /Dsp.Status, for dsp's own commands. */
#ifndef DSP_STATUS_H
#define DSP_STATUS_H

#include "state_view.h"

/*
 * {"version","pid","generation","started","since","policy","env_file","profile","mode","flags",
 * "rules","names","broken","reason","last_request","requests","probes","audit","watch","lookups"}.
 * started, since (these settings are in force): seconds since 1970. flags: what is set. broken:
 * every request is denied, and reason says why. names: those that no managed plugin may take. The
 * caller frees it with mem_free. NULL without memory.
 */
char *status_write(const struct state_view *view);

#endif
