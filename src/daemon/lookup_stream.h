/* What dspd writes to, and reads from, the stream of a process that looks up (lookup_message.h). */
#ifndef DSP_LOOKUP_STREAM_H
#define DSP_LOOKUP_STREAM_H

#include "dsp/core/base/err.h"
#include "dsp/host/mount_lookup.h"
#include "lookup_message.h"

/* The request for l, of *n bytes; the caller calls mem_free. NULL: no memory. */
char *lookup_request_write(const struct mount_lookup *l, const struct host_tables *tables,
	size_t *n) __attribute__((warn_unused_result));

/* Whether r is in order, and LOOKUP_BEGUN. */
bool lookup_reply_begins(const struct lookup_reply *r);

/* The end of a look-up. */
struct lookup_end {
	int code;  /* 0, or an errno value: it failed */
	bool last; /* the process makes no more look-ups */
};

/*
 * Enters in l the replies that have come. True when the look-up has ended: *end says how. Whoever
 * answers is taken for hostile: what is not in order ends it with EPROTO.
 */
bool lookup_replies_enter(struct mount_lookup *l, const struct lookup_reply *replies, size_t count,
	struct lookup_end *end);

#endif
