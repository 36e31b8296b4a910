/* dockerd's own log, from a moment on: why it refused to reload. */
#ifndef DSP_DOCKERD_LOG_H
#define DSP_DOCKERD_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "dsp/core/base/span.h"
#include "dsp/dockerd/dockerd_process.h"

struct dockerd_log {
	pid_t pid;
	int fd;           /* the file that it writes its log to; -1: the journal, or unknown */
	off_t at;         /* where the file ended */
	uint64_t since;   /* the date, in microseconds since 1970 */
	uint64_t last_ms; /* when the log was read last */
	bool journal;     /* systemd runs, and the log is not a file */
};

/* Marks this moment. The caller calls dockerd_log_close. */
void dockerd_log_open(const struct dockerd *d, struct dockerd_log *ret);
void dockerd_log_close(struct dockerd_log *l);

/*
 * Whether dockerd has logged since then that it refuses its configuration; out gets its words. Asks
 * the journal at most once a second.
 */
bool dockerd_log_refusal(struct dockerd_log *l, char *out, size_t cap);

/* The same in a text: lines of logrus, as text or as JSON. */
bool dockerd_log_parse(struct span text, char *out, size_t cap);

#endif
