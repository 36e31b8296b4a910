/*
 * The head of a client's request, read more strictly than dockerd's net/http reads it: what two
 * readers could understand differently is refused. dockerd gets a head that is made of what
 * was read here, so no byte that frames a request is the client's.
 */
#ifndef DSP_REQUEST_HEAD_H
#define DSP_REQUEST_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

enum {
	REQUEST_HEAD_MOST = 64 << 10, /* bytes of a client's head */
	REQUEST_HEADERS_MOST = 100,
	GATE_TOKEN_MOST = 4096,
	GATE_GROUPS_MOST = 1024, /* of a client */
	/* A head as it is written: each header may grow by a blank, and the gate adds its own. */
	REQUEST_HEAD_ROOM = REQUEST_HEAD_MOST + REQUEST_HEADERS_MOST + GATE_TOKEN_MOST +
		11 * GATE_GROUPS_MOST + 512,
};

/* The process at the other end of a connection, as it was when it connected. */
struct gate_client {
	struct ucred who;
	gid_t groups[GATE_GROUPS_MOST]; /* supplementary ones */
	size_t group_count;
};

enum request_framing {
	FRAMING_NONE,    /* no body */
	FRAMING_LENGTH,  /* length bytes */
	FRAMING_CHUNKED, /* chunks, and no trailer */
};

struct request_header {
	struct span name;
	struct span value; /* without blanks at its ends */
};

struct request_head {
	struct span method;
	struct span target; /* begins with a slash */
	/* All but those that the gate writes itself: of the connection and the framing. */
	struct request_header headers[REQUEST_HEADERS_MOST];
	size_t header_count;
	enum request_framing framing;
	uint64_t length;
	struct span upgrade; /* tcp, h2c or websocket; empty: the request does not upgrade */
};

/*
 * The length of the head at the start of bytes, with its blank line; 0: more bytes are needed. A
 * head that request_head_parse refuses for its first line or for a bare LF ends there.
 */
size_t request_head_length(struct span bytes);

/*
 * Parses a head of that length; the spans of *ret point into it. -1 and e: it is refused, and why.
 * The text of e holds nothing of the client's.
 */
MUST_USE int request_head_parse(struct span head, struct request_head *ret, struct err *e);

/*
 * Writes the head for dockerd, and returns its length. Its last headers are the token and who the
 * client is. The connection ends after the answer, unless the answer upgrades it: dockerd looks at
 * Upgrade alone (moby daemon/server/router/container/exec.go), and net/http at the close.
 */
size_t request_head_write(const struct request_head *head, struct span token,
	const struct gate_client *client, char out[REQUEST_HEAD_ROOM]);

#endif
