/* The system calls of dsp-resolve: all others fail with EPERM. */
#ifndef DSP_RESOLVE_FILTER_H
#define DSP_RESOLVE_FILTER_H

#include "dsp/core/base/err.h"

/*
 * For this process and all that it starts, for good. No file can be opened, no program started, and
 * no socket made but a unix one.
 */
MUST_USE int resolve_filter_install(struct err *e);

#endif
