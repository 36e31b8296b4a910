/*
 * The connections as the loop sees them: which has a request in hand, since when, and which of
 * them must be cut. It watches descriptors and reads nothing from them, and knows no HTTP. Each is
 * in two sets: the outer set sees that its client hangs up, libmicrohttpd's sees bytes.
 */
#ifndef DSP_CONNECTIONS_H
#define DSP_CONNECTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "dsp/core/base/err.h"
#include "mhd_set.h"

/* One connection; embedded in its owner's struct, which starts zeroed. */
struct connection {
	TAILQ_ENTRY(connection) busy_link;
	LIST_ENTRY(connection) ended_link;
	LIST_ENTRY(connection) fresh_link;
	struct MHD_Connection *mhd;
	int fd;            /* borrowed */
	bool fresh;        /* the watch in libmicrohttpd's set is libmicrohttpd's own */
	bool busy;         /* a request's first line came and its reply has not gone */
	bool ended;        /* it will send no more */
	bool hung_up;      /* nor read any more */
	bool replying;     /* its reply is queued and has not gone */
	bool paused;       /* its request is whole, and the answer comes later */
	bool armed;        /* the reply is stuck: it is watched for room to write */
	uint64_t deadline; /* when busy */
};

struct connections {
	int epoll; /* the outer set: every connection is in it; the tag is its struct connection */
	struct mhd_set mhd;
	uint64_t now;        /* milliseconds; the caller keeps it current */
	uint64_t request_ms; /* time-out, from a request's first line to its reply's last */
	unsigned count;
	unsigned replying;
	unsigned armed;
	bool has_ended; /* one was reported since connections_cut_ended */
	bool hung_up;   /* one has, whose request is whole and waits; the caller clears it */
	TAILQ_HEAD(busy_connections, connection)
	busy; /* earliest deadline first: all time-outs are equally long */
	LIST_HEAD(ended_connections, connection) ended;
	LIST_HEAD(fresh_connections, connection) fresh;
};

void connections_init(struct connections *all, int epoll, uint64_t request_ms);

/* Watches a new connection; fd and mhd are set. -1: it cannot be watched. */
MUST_USE int connections_add(struct connections *all, struct connection *c);

/* Forgets a connection; its descriptor must still be open. */
void connections_remove(struct connections *all, struct connection *c);

/* The outer set reported this connection. */
void connections_on_event(struct connections *all, struct connection *c, uint32_t events);

/* A request has begun: starts its time-out, unless that runs already. */
void connections_begin_request(struct connections *all, struct connection *c);

/* Suspends the time-out while the answer is computed. */
void connections_pause(struct connections *all, struct connection *c);

/* The answer is there: the time-out runs again, from its start. */
void connections_resume(struct connections *all, struct connection *c);

/* The reply is queued. */
void connections_begin_reply(struct connections *all, struct connection *c);

/* The reply has gone, or will never go. */
void connections_end_request(struct connections *all, struct connection *c);

/*
 * For when everything is read and written that came before the last events of the outer set: hangs
 * up on clients that will send no more.
 */
void connections_cut_ended(struct connections *all);

/*
 * For when everything is read and written that can be: watches for room to write the connections
 * whose reply is stuck, and no others.
 */
void connections_settle(struct connections *all);

/* Hangs up on the connections whose request takes too long. */
void connections_expire(struct connections *all);

#endif
