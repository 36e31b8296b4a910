/* The command line of dockerd: where it is read from. dockerd_options_next looks for a flag in it. */
#ifndef DSP_DOCKERD_OPTIONS_H
#define DSP_DOCKERD_OPTIONS_H

#include "dsp/core/base/err.h"
#include "dsp/dockerd/dockerd_process.h"

/*
 * Sets arguments and count of d: from process d->pid or, where that is 0, from docker.service and
 * /etc/default/docker, as they would start it. dockerd_free frees them. -1 and e.
 */
MUST_USE int dockerd_options_read(struct dockerd *d, struct err *e);

#endif
