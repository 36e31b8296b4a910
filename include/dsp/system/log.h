/* Lines for a person. A reader that does not read never holds up a decision. */
#ifndef DSP_LOG_H
#define DSP_LOG_H

#include "dsp/core/base/err.h"

/*
 * Writes "dsp: " and one line, if it can be written without waiting; else it is counted, and the
 * count is told when there is room again. What strangers sent must be escaped by the caller.
 */
void log_line(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* The same for what is wrong with dsp, and not just with a request. */
void log_fault(const char *fmt, ...) PRINTF_LIKE(1, 2);

/*
 * Both go to standard error; after this log_line goes to standard output, for dockerd logs what a
 * managed plugin writes there as information, and the other as errors.
 */
void log_to_dockerd(void);

/*
 * Standard error is a stream to the journal. After this, when journald has let go of it, as one
 * that is stopped does, the next line that it would take asks for another.
 */
void log_to_journal(void);

#endif
