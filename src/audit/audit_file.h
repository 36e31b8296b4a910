/*
 * The audit log's file: appended to, rotated when it is full, opened again after it was moved away.
 * A FIFO or a device works too. For one thread.
 */
#ifndef DSP_AUDIT_FILE_H
#define DSP_AUDIT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

struct audit_file {
	const char *path; /* NULL: standard error. The owner sets these five */
	uint64_t most;    /* bytes before a rotation; 0: never rotate */
	unsigned keep;
	bool sync;
	bool sync_must_work; /* lines that cannot be brought to the disk are not written */
	int fd;              /* -1: not open */
	bool regular;
	dev_t device;
	ino_t inode;
	uint64_t size;
	size_t partial; /* bytes of the lines to write that are already in the file */
	bool unsynced;  /* these are whole lines, which a failed sync may have dropped */
};

/* Opens the file; creates it with mode 0600 when it is missing. -1 and e. */
MUST_USE int audit_file_open(struct audit_file *f, struct err *e);

/*
 * Appends whole lines, and syncs where that is set. -1 and e: not all could be written, or they may
 * not reach the disk; call again with the same lines, perhaps followed by more.
 */
MUST_USE int audit_file_write(struct audit_file *f, struct span lines, struct err *e);

/* Brings what was written to the disk (fdatasync). -1 and e. */
MUST_USE int audit_file_sync(const struct audit_file *f, struct err *e);

void audit_file_close(struct audit_file *f);

#endif
