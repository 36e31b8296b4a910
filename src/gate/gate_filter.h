/* What dsp-gate gives up before it reads a byte of a client. */
#ifndef DSP_GATE_FILTER_H
#define DSP_GATE_FILTER_H

#include "dsp/core/base/err.h"

/*
 * For good: files, programs, other processes and other sockets than unix ones. It could be root
 * with Docker's socket, and keeps only connections to it. -1 and e: nothing is restricted.
 */
MUST_USE int gate_filter_install(struct err *e);

#endif
