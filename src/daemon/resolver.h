/*
 * dspd's client of dsp-resolve: requests that are on their way, each on a connection of its own.
 * None of these functions blocks. Used by the event loop's thread alone.
 */
#ifndef DSP_RESOLVER_H
#define DSP_RESOLVER_H

#include <stdbool.h>
#include <stdint.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"
#include "dsp/protocol/resolve_protocol.h"

enum {
	RESOLVER_ASKS_MOST = 64, /* at once */
	RESOLVER_MS = 2000,      /* for an answer */
};

struct resolver;

/* With a new token of 256 random bits. NULL and e on error. */
struct resolver *resolver_new(struct err *e) __attribute__((warn_unused_result));

/* NULL is fine. */
void resolver_free(struct resolver *r);

/* A descriptor that is readable when resolver_next may have a result. */
int resolver_fd(const struct resolver *r);

/* This process's token. It is shown to dsp-resolve, and to root's dsp own. */
const char *resolver_token(const struct resolver *r);

/* Whether a request that dockerd asks about carries this process's token: dsp-resolve sent it. */
bool resolver_has_token(const struct resolver *r, struct span token);

struct resolver_request {
	enum resolve_kind kind;
	struct span reference; /* empty: kind needs none */
	void *tag;             /* comes back with the result */
};

/*
 * Sends a request to dsp-resolve on the socket's path. -1 and e: e->code is ENOENT or ECONNREFUSED
 * where nothing listens there. The token goes to root's sockets and to this user's alone.
 */
MUST_USE int resolver_ask(
	struct resolver *r, const char *path, const struct resolver_request *q, struct err *e);

struct resolver_result {
	void *tag; /* as it was asked */
	enum resolve_kind kind;
	struct resolve_answer answer; /* lives until the next call of resolver_next or _free */
};

/* The next request that is answered, or failed, or has waited too long; false: none. */
bool resolver_next(struct resolver *r, struct resolver_result *ret);

/* In how many ms to call resolver_next even if the descriptor is not readable; -1: never. */
int resolver_timeout(const struct resolver *r);

#endif
