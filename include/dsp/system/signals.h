/* The signals that end or reload a program: SIGTERM, SIGINT and SIGHUP. */
#ifndef DSP_SIGNALS_H
#define DSP_SIGNALS_H

#include "dsp/core/base/err.h"

/*
 * Blocks these signals, so that they wait for signals_open, and ignores SIGPIPE. Call it before
 * making anything that an orderly end removes.
 */
void signals_block(void);

/*
 * Blocks these signals and returns a non-blocking signalfd that reports them; the caller closes
 * it. -1 and e on error.
 */
MUST_USE int signals_open(struct err *e);

#endif
