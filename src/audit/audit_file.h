/*
 * The audit trail's file: appended to, set aside when it is full, opened anew when it was moved
 * away. A FIFO or a device will do too. Of one thread.
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
	const char *path; /* NULL: standard error; these four are its owner's to set */
	uint64_t most;    /* bytes; 0: it may grow */
	unsigned keep;
	bool sync;
	int fd; /* -1: not open */
	bool regular;
	dev_t device;
	ino_t inode;
	uint64_t size;
	size_t partial; /* of what is to be written: so much at its start is already there */
};

/* Opens it, made with mode 0600 when it is not there. -1 and e. */
MUST_USE int audit_file_open(struct audit_file *f, struct err *e);

/*
 * Appends whole lines. -1 and e: not all could be written, and none is there; the same lines
 * must come again, more of them perhaps.
 */
MUST_USE int audit_file_write(struct audit_file *f, struct span lines, struct err *e);

/* What was written is on the disk, as far as the file system keeps its word. */
void audit_file_sync(const struct audit_file *f);

void audit_file_close(struct audit_file *f);

#endif
