/*
 * The thread that writes the audit log: it takes lines from a queue and writes them to a file, the
 * journal or standard error, so that no decision waits for a disk.
 */
#ifndef DSP_AUDIT_WRITER_H
#define DSP_AUDIT_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "audit_queue.h"
#include "dsp/core/base/err.h"
#include "dsp/core/policy/audit_settings.h"

struct audit_writer;

/* What the thread and its owner share: it is reached through audit_writer_lock alone. */
struct audit_shared {
	struct audit_queue queue;
	uint64_t written;    /* decisions whose lines were written */
	uint64_t writing_at; /* clock_now when a write began; 0: none is under way */
	bool failing;        /* the last attempt failed, and trouble says why */
	char trouble[256];
};

/* Why a line that is queued now may not be kept: the last write failed, or hangs. NULL: it may. */
const char *audit_shared_trouble(const struct audit_shared *s);

/* NULL and e. Nothing is written before audit_writer_start. */
struct audit_writer *audit_writer_new(struct err *e) __attribute__((warn_unused_result));

/* Starts the thread, once. It inherits the signal mask and the sandbox. -1 and e. */
MUST_USE int audit_writer_start(struct audit_writer *w, struct err *e);

/* Between these two calls the thread waits: be quick. Unlocking wakes it for lines and repeats. */
struct audit_shared *audit_writer_lock(struct audit_writer *w);
void audit_writer_unlock(struct audit_writer *w);

/* New settings, whose `to` is not AUDIT_TO_AUTO. Opens the file again in any case. */
void audit_writer_configure(struct audit_writer *w, const struct audit_settings *settings);

/* Writes what waits, for at most a second, logs what could not be written, and frees w. */
void audit_writer_stop(struct audit_writer *w);

#endif
