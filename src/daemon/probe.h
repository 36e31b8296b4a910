/*
 * Probes: GET /_ping?dsp=NONCE through dockerd. /Dsp.Status then shows the nonce, which is the only
 * proof that this dockerd asks this dspd. Whether the policy allows the ping does not matter.
 */
#ifndef DSP_PROBE_H
#define DSP_PROBE_H

#include "dsp/core/facts/facts.h"
#include "dsp/protocol/protocol.h"

enum { PROBES = 8 }; /* the last ones are kept */

struct probes {
	char nonces[PROBES][PROBE_LENGTH + 1]; /* a ring; empty: none yet */
	unsigned count;                        /* of all so far */
};

/* Records the nonce, if the request is a probe. */
void probe_record(struct probes *p, const struct facts *facts);

#endif
