/*
 * The connections as the loop sees them: which has a request in hand, since when, and which of
 * them must be cut. It watches descriptors and reads nothing from them, and knows no HTTP.
 */
#ifndef DSP_CONNECTIONS_H
#define DSP_CONNECTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "dsp/core/base/err.h"

/* One connection; embedded in its owner's struct, which starts zeroed. */
struct peer {
	TAILQ_ENTRY(peer) busy_link;
	LIST_ENTRY(peer) ended_link;
	int fd;            /* borrowed */
	bool busy;         /* a request's first byte came and its reply has not gone */
	bool ended;        /* it will send no more */
	bool replying;     /* its reply is queued and has not gone */
	bool waiting;      /* its request is whole, and the answer comes later */
	bool armed;        /* it is watched for room to write */
	uint64_t deadline; /* when busy */
};

struct peers {
	int epoll;           /* every connection is in this set, with its struct peer as the tag */
	uint64_t now;        /* milliseconds; the caller keeps it current */
	uint64_t request_ms; /* from a request's first byte to its last */
	unsigned count;
	unsigned replying;
	unsigned armed;
	TAILQ_HEAD(busy_peers, peer)
	busy; /* earliest deadline first: all clocks run equally long */
	LIST_HEAD(ended_peers, peer) ended;
};

void peers_init(struct peers *all, int epoll, uint64_t request_ms);

/* -1 when the connection cannot be watched. */
MUST_USE int peers_add(struct peers *all, struct peer *p, int fd);

/* Forgets a connection; its descriptor must still be open. */
void peers_remove(struct peers *all, struct peer *p);

/* The set reported this connection. New bytes start the clock of a request. */
void peers_event(struct peers *all, struct peer *p, uint32_t events);

/* A request is in hand; nothing changes when its clock runs already. */
void peers_request(struct peers *all, struct peer *p);

/* Its answer comes later: no clock runs and nothing is cut. And it has come. */
void peers_wait(struct peers *all, struct peer *p);
void peers_go_on(struct peers *all, struct peer *p);

/* Its reply is queued; and it has gone, or will never go. */
void peers_reply(struct peers *all, struct peer *p);
void peers_idle(struct peers *all, struct peer *p);

/*
 * For when everything is read and written that can be: hangs up on peers that ended, and watches
 * those for room to write whose reply is stuck.
 */
void peers_settle(struct peers *all);

/* Hangs up on the peers whose request takes too long. */
void peers_cut_late(struct peers *all);

#endif
