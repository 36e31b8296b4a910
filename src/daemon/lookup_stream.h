/* dspd's end of the stream of one look-up (lookup_message.h). */
#ifndef DSP_LOOKUP_STREAM_H
#define DSP_LOOKUP_STREAM_H

#include "dsp/core/base/err.h"
#include "dsp/host/mount_lookup.h"
#include "lookup_message.h"

/* Sends what l asks for. Returns 0, or an errno value. */
MUST_USE int lookup_stream_send(
	int fd, const struct mount_lookup *l, const struct host_tables *tables);

/*
 * The next reply, checked for flags and text alone. Returns 0, or an errno value: EPIPE when the
 * stream has ended, ETIMEDOUT, EPROTO.
 */
MUST_USE int lookup_stream_reply(int fd, struct lookup_reply *r);

/*
 * Enters in l what comes up to LOOKUP_ENDED. Returns 0, or an errno value. Whoever answers is taken
 * for hostile: what is not in order is EPROTO.
 */
MUST_USE int lookup_stream_receive(int fd, struct mount_lookup *l);

#endif
