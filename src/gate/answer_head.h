/* The head of dockerd's answer: whether bytes of the client may follow the request. */
#ifndef DSP_ANSWER_HEAD_H
#define DSP_ANSWER_HEAD_H

#include "request_head.h"

enum answer_kind {
	ANSWER_UNKNOWN,  /* more bytes are needed */
	ANSWER_PLAIN,    /* nothing of the client's goes on to dockerd */
	ANSWER_HIJACKED, /* dockerd reads no HTTP on this connection from now on */
};

/*
 * What the start of an answer says. A request with Upgrade is hijacked by 101. A POST without, of
 * old clients, by the answer that dockerd writes past net/http (moby
 * daemon/server/router/container/exec.go and container_routes.go): net/http's own begins with
 * Api-Version, and ends the connection as it was asked to.
 */
enum answer_kind answer_head_kind(struct span answer, const struct request_head *request);

#endif
