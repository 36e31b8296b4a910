/*
 * The plugin's endpoints: bytes of a question in, bytes of an answer out. Nothing above this room
 * can turn a denial into an allow, and nothing below knows of HTTP. A request with mounts is
 * answered when their sources have been looked up, or when that takes too long.
 */
#ifndef DSP_SERVICE_H
#define DSP_SERVICE_H

#include <stddef.h>

#include "dsp/decide.h"
#include "dsp/pool.h"
#include "dsp/server.h"

/* A question until its answer. */
struct exchange {
	struct call *call;
	struct facts facts;
	struct lookup *lookup; /* of its mount sources; NULL: it has none */
};

struct service {
	const struct policy *policy; /* borrowed, immutable */
	struct pool *pool;           /* borrowed; NULL: mount sources are not looked up */
	struct span socket_dir;      /* of dsp's socket; borrowed */
};

/* POST /Plugin.Activate, /AuthZPlugin.AuthZReq and /AuthZPlugin.AuthZRes; ctx is a service. */
const struct endpoint *service_endpoints(size_t *count);

/* As server_options wants them, for a service with a pool. */
struct call *service_finished(void *ctx);
int service_wait(void *ctx);

#endif
