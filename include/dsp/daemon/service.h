/*
 * The plugin's endpoints: bytes of a question in, bytes of an answer out. Nothing above this room
 * can turn a denial into an allow, and nothing below knows of HTTP. A request with mounts is
 * answered when their sources have been looked up, or when that takes too long.
 */
#ifndef DSP_SERVICE_H
#define DSP_SERVICE_H

#include <stddef.h>

#include "dsp/audit/audit.h"
#include "dsp/audit/recent_decisions.h"
#include "dsp/core/parse/request.h"
#include "dsp/core/policy/decide.h"
#include "dsp/daemon/metrics.h"
#include "dsp/daemon/server.h"
#include "dsp/host/lookup_pool.h"
#include "dsp/protocol/protocol.h"

/*
 * What is in force: a policy, and who owns it. A question that is answered later keeps the one that
 * it began with.
 */
struct snapshot {
	const struct policy *policy;
	unsigned generation; /* 1 at the start; one more with each reload */
	char digest[72];     /* "sha256:..." of the policy file; "-": there is none */
	char env_digest[72]; /* and of the env file */
	unsigned holders;
	void *owner;                         /* of policy */
	void (*release)(struct snapshot *s); /* nobody holds it any more */
};

/* A question until its answer. */
struct exchange {
	struct call *call;
	struct snapshot *snapshot;
	uint64_t begun_us; /* when its last byte had come */
	struct request request;
	struct subject subject;
	struct facts facts;
	struct mount_lookup *lookup; /* of its mount sources; NULL: it has none */
};

enum {
	PROBES = 8, /* the last ones are kept */
};

struct service {
	struct snapshot *snapshot; /* held */
	/* Reads the settings anew and calls service_swap; -1 and e: the old ones stay. */
	int (*reload)(struct service *service, struct err *e);
	struct lookup_pool *pool;              /* borrowed; NULL: mount sources are not looked up */
	struct audit *audit;                   /* borrowed; NULL: nothing is told */
	struct metrics *metrics;               /* borrowed; NULL: nothing is counted */
	struct recent_decisions *recent;       /* borrowed; NULL: nobody can look on */
	unsigned connections;                  /* that are open; kept by the server */
	struct span socket_dir;                /* of dsp's socket; borrowed */
	char probes[PROBES][PROBE_LENGTH + 1]; /* as they came; empty: none yet */
	unsigned probe_count;
};

/* Puts another one in force, at once for every question that comes from now on. */
void service_swap(struct service *service, struct snapshot *next);

/* Lets go of what is in force, at the end. */
void service_end(struct service *service);

/*
 * POST /Plugin.Activate, /AuthZPlugin.AuthZReq and /AuthZPlugin.AuthZRes; and for dsp's own
 * commands /Dsp.Status and /Dsp.Reload, whose reply is that of the status; /Dsp.Metrics and
 * /Dsp.MetricsText, whose reply is text; /Dsp.Watch?after=CURSOR, as watch.h has it. ctx is a
 * service.
 */
const struct endpoint *service_endpoints(size_t *count);

/* As server_options wants them, for a service with a pool. */
struct call *service_finished(void *ctx);
int service_wait(void *ctx);

#endif
