/*
 * The systemd journal: records are datagrams of NAME=value lines; and lines for persons, which a
 * service writes to its standard error, are a stream.
 */
#ifndef DSP_JOURNAL_H
#define DSP_JOURNAL_H

#include <stdbool.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

enum journal_said {
	JOURNAL_TOOK,
	JOURNAL_BUSY,   /* try again: it does not read, or is being started anew */
	JOURNAL_ABSENT, /* there is none */
};

/* Whether standard error goes to the journal, as the service manager says it does. */
bool journal_has_stderr(void);

/* A new stream for lines, which does not block; -1: nobody takes it. */
int journal_stream(void);

/* A datagram socket for journal_send; -1 and e. */
MUST_USE int journal_open(struct err *e);

/* Sends one record to the journal at path; waits a moment where that can help. e: why not. */
enum journal_said journal_send(int fd, const char *path, struct span record, struct err *e);

#endif
