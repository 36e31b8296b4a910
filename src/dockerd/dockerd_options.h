/* Where the command line of dockerd comes from. dockerd_options_next parses it. */
#ifndef DSP_DOCKERD_OPTIONS_H
#define DSP_DOCKERD_OPTIONS_H

#include "dsp/core/base/err.h"
#include "dsp/dockerd/dockerd_process.h"

/*
 * Sets arguments and count of d: to those of process d->pid or, if that is 0, to those with which
 * docker.service and /etc/default/docker would start dockerd. dockerd_free frees them. -1 and e.
 */
MUST_USE int dockerd_options_read(struct dockerd *d, struct err *e);

#endif
