/*
 * The endpoints of the plugin socket: dockerd's three, and dsp's own for the tool (protocol.h names
 * them all). Bytes of a question in, bytes of an answer out.
 */
#ifndef DSP_ENDPOINTS_H
#define DSP_ENDPOINTS_H

#include "server.h"

/* The ctx of all of them is a struct service. */
const struct endpoint *endpoints_all(size_t *count);

/* For server_options: the answers that come later. */
struct call *endpoints_next_answer(void *ctx);
int endpoints_answer_timeout(void *ctx);

#endif
