/* Settings of the audit log: where it goes, what is in it, what happens if it cannot be kept. */
#ifndef DSP_AUDIT_SETTINGS_H
#define DSP_AUDIT_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

enum audit_to {
	AUDIT_TO_AUTO, /* the journal, if standard error goes there; else nowhere */
	AUDIT_TO_NOWHERE,
	AUDIT_TO_STDERR,
	AUDIT_TO_JOURNAL,
	AUDIT_TO_FILE,
};

enum audit_log {
	AUDIT_LOG_CHANGES, /* writes, and all denials */
	AUDIT_LOG_ALL,
	AUDIT_LOG_DENIALS,
};

/* What happens when a line cannot be queued or written. */
enum audit_full {
	AUDIT_FULL_DROP, /* the line is dropped and counted */
	AUDIT_FULL_DENY, /* the request is denied */
};

struct audit_settings {
	enum audit_to to;
	char path[256]; /* AUDIT_TO_FILE */
	enum audit_log log;
	enum audit_full full;
	bool sync;     /* each write reaches the disk before the next one */
	uint64_t size; /* bytes at which the file is rotated; 0: never */
	unsigned keep; /* rotated files to keep */
};

void audit_settings_init(struct audit_settings *s);

/* Parses a setting whose name begins with DSP_AUDIT. -1 and e: what its value may be. */
MUST_USE int audit_settings_parse(
	struct audit_settings *s, struct span name, struct span value, struct err *e);

/* "changes", ...; "drop", "deny". */
const char *audit_log_name(enum audit_log log);
const char *audit_full_name(enum audit_full full);

#endif
