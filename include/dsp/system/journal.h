/*
 * The systemd journal. Records are datagrams of NAME=value lines (systemd's
 * JOURNAL_NATIVE_PROTOCOL); log lines, which a service writes to its standard error, are a stream.
 */
#ifndef DSP_JOURNAL_H
#define DSP_JOURNAL_H

#include <stdbool.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

enum journal_said {
	JOURNAL_TOOK,
	JOURNAL_BUSY,   /* try again: journald does not read now, or restarts */
	JOURNAL_ABSENT, /* there is no journal */
};

/* Whether standard error goes to the journal, by $JOURNAL_STREAM (systemd.exec(5)). */
bool journal_has_stderr(void);

/* Opens a non-blocking stream for log lines, which the caller closes; -1: journald refuses. */
int journal_stream(void);

/* Opens a datagram socket for journal_send, which the caller closes; -1 and e. */
MUST_USE int journal_open(struct err *e);

/* Sends one record to the journal at path; waits at most 200 ms for journald. e: the reason. */
enum journal_said journal_send(int fd, const char *path, struct span record, struct err *e);

#endif
