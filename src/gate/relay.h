/* One request of a client, and dockerd's answer: bytes both ways, until both sides have ended. */
#ifndef DSP_RELAY_H
#define DSP_RELAY_H

#include "request_head.h"

enum { RELAY_ROOM = 16 << 10 /* bytes that are read at once, each way */ };

struct relay_request {
	int client;
	int dockerd;
	struct request_head head;
	struct span rest; /* what the client sent after the head, at most REQUEST_HEAD_MOST bytes */
	struct span token;
	const struct gate_client *from;
};

/*
 * Sends a client's request to dockerd, and dockerd's answer to the client. Until dockerd has
 * answered that it reads no HTTP any more, no byte after the body goes on; if it answers something
 * else, none ever does. An end of one side's stream is passed on to the other. Returns when there
 * is nothing left to copy: 0, or -1 and e: the body broke before dockerd answered.
 *
 * Both sockets are non-blocking, and SIGPIPE is ignored. The caller closes them.
 */
MUST_USE int relay_run(const struct relay_request *request, struct err *e);

/*
 * Ends a connection to a client that may still be sending: it gets what was written to it, and
 * not an error. Waits for at most two seconds.
 */
void relay_linger(int client);

#endif
