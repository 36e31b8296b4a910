/*
 * The audit logs that a command reads: the files that it was given, or those of this host, which
 * are the journal or the files that the running dspd writes.
 */
#ifndef DSP_AUDIT_LOG_H
#define DSP_AUDIT_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "dsp/audit/audit_reader.h"

enum { AUDIT_MOMENT_ROOM = 32 };

struct audit_logs {
	char *const *paths; /* oldest first; "-" is standard input */
	size_t count;       /* 0: the audit log of this host */
	/* The first characters of times as an audit log has them (UTC), or empty. */
	char since[AUDIT_MOMENT_ROOM]; /* only entries from then on */
	char until[AUDIT_MOMENT_ROOM]; /* and before then */
	const char *having; /* only lines that have this text, others are not parsed; NULL: all */
};

/*
 * Parses "2026-11-25", "2026-11-25T10:00", "today", "yesterday" (both from midnight, UTC), or "2h"
 * (so many m, h or d ago). False: text is not a time in one of these forms.
 */
#define AUDIT_MOMENT_WRONG "%s: write a time as 2026-11-25T10:00 (UTC), yesterday, today or 2h"
bool audit_moment_parse(const char *text, char out[AUDIT_MOMENT_ROOM]);

/* Gets an entry and its object, which it must free. -1 and e: reading ends. */
typedef int audit_log_use(void *context, struct audit_entry *entry, struct err *e);

/* Calls use for each entry of the period; adds the truncated lines. -1 and e. */
MUST_USE int audit_logs_read(const struct audit_logs *logs, audit_log_use *use, void *context,
	unsigned *truncated, struct err *e);

/* Writes which logs these are: "the journal of dsp.service", or the names of files. */
void audit_logs_where(const struct audit_logs *logs, char *out, size_t cap);

#endif
