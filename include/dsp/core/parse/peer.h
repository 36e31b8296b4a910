/*
 * The client of dsp-gate, as the gate writes it into X-Dsp-Peer: "uid=1 gid=2 pid=3 groups=2,4".
 * Only the token in the same head proves it: who has a gate's token could write any.
 */
#ifndef DSP_PEER_H
#define DSP_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "dsp/core/base/span.h"

/* The highest id that a process can have. */
#define PEER_ID_MOST (UINT32_MAX - 1)

struct peer {
	bool known; /* else the rest is undefined */
	uint32_t uid;
	uint32_t gid;
	uint32_t pid;       /* 0: of a PID namespace that the gate cannot see */
	struct span groups; /* supplementary ones: decimal numbers with commas; borrowed */
};

/* Parses the header's value. False: it is not of this form, and ret->known is false. */
bool peer_parse(struct span text, struct peer *ret);

/* Whether a process is in a group. */
bool peer_in_group(const struct peer *peer, uint32_t gid);

#endif
