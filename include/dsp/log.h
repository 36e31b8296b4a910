/* Lines to standard error. A reader that does not read never holds up a decision. */
#ifndef DSP_LOG_H
#define DSP_LOG_H

#include "dsp/err.h"

/*
 * Writes "dsp: " and one line, if it can be written without waiting; else it is counted, and the
 * count is told when there is room again. What strangers sent must be escaped by the caller.
 */
void log_line(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
