/* What /Dsp.Status tells of a service, for dsp's own commands. */
#ifndef DSP_STATUS_H
#define DSP_STATUS_H

#include "dsp/daemon/service.h"

/*
 * {"version","pid","generation","policy","profile","mode","rules","names","broken","reason",
 * "probes", "audit", "watch"}: broken is whether everything is denied, and reason why; names are those that no
 * managed plugin may take. mem_free is for the caller. NULL without memory.
 */
char *status_write(const struct service *service);

#endif
