/* The settings of the audit trail: where it goes, what is in it, what when it cannot be kept. */
#ifndef DSP_AUDIT_SETTINGS_H
#define DSP_AUDIT_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

enum audit_to {
	AUDIT_TO_AUTO, /* the journal, when standard error goes there; else nowhere */
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

/* What happens when a line finds no room, or cannot be written. */
enum audit_full {
	AUDIT_FULL_DROP, /* it is counted */
	AUDIT_FULL_DENY, /* what it would tell of is denied */
};

struct audit_settings {
	enum audit_to to;
	char path[256]; /* AUDIT_TO_FILE */
	enum audit_log log;
	enum audit_full full;
	bool sync;     /* what is written is on the disk before more is written */
	uint64_t size; /* a file of more bytes is set aside; 0: never */
	unsigned keep; /* so many of those */
};

void audit_settings_init(struct audit_settings *s);

/* Takes one whose name begins with DSP_AUDIT. -1 and e: what it may be. */
MUST_USE int audit_settings_parse(
	struct audit_settings *s, struct span name, struct span value, struct err *e);

/* "changes", ...; "drop", "deny". */
const char *audit_log_name(enum audit_log log);
const char *audit_full_name(enum audit_full full);

#endif
