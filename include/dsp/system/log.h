/* Log lines. They never block: a full pipe does not delay a decision. */
#ifndef DSP_LOG_H
#define DSP_LOG_H

#include "dsp/core/base/err.h"

/*
 * Writes "dsp: " and one line if it can be written at once; else counts it as lost, and the next
 * line that is written reports the number of lost lines. The caller escapes what clients sent.
 */
void log_line(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* The same, for faults of dsp itself, not of a request. */
void log_fault(const char *fmt, ...) PRINTF_LIKE(1, 2);

/*
 * For a managed plugin: log_line writes to standard output from now on, log_fault still to standard
 * error. dockerd logs the one as information and the other as errors.
 */
void log_to_dockerd(void);

/*
 * Standard error is a stream to the journal: when journald has closed it, as a stopped journald
 * does, the next line opens a new one.
 */
void log_to_journal(void);

#endif
