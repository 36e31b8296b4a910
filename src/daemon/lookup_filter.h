/* The system calls of the look-up process: all others fail with EPERM. */
#ifndef DSP_LOOKUP_FILTER_H
#define DSP_LOOKUP_FILTER_H

#include "dsp/core/base/err.h"

/*
 * For this process and all that it starts, for good. Files can be opened with O_PATH alone: what
 * they contain cannot be read. Of a directory that can be searched, the names that come and go can
 * be read (inotify(7)).
 */
MUST_USE int lookup_filter_install(struct err *e);

#endif
