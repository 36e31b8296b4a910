/*
 * The event loop of the plugin socket. It reads whole requests within limits, hands their bytes to
 * an endpoint, and sends its reply. It knows no JSON, and trusts no client: one may be slow,
 * half-dead, too big, or gone. Only server.c, http.c and responses.c know libmicrohttpd.
 */
#ifndef DSP_SERVER_H
#define DSP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "dsp/core/base/err.h"
#include "reply.h"

/* One whole request. */
struct call {
	char *body;           /* len bytes, never NULL; the endpoint may change them */
	size_t len;           /* they stay until the answer */
	int fd;               /* of its connection */
	pid_t peer;           /* of call_peer, which has looked if it is not 0 */
	const char *argument; /* the endpoint's parameter of the query; NULL: there is none */
	struct reply reply;   /* the answer; every field must be set */
	void *state;          /* the endpoint's own, of an answer that comes later */
};

/* The process that connected; 0: not known. The kernel is asked once, when it matters. */
pid_t call_peer(struct call *call);

enum answer { ANSWER_NOW, ANSWER_LATER };

struct endpoint {
	const char *path; /* compared exactly; only POST is served */
	size_t max;       /* most body bytes kept; 0: the body is read to its end, and dropped */
	/* ANSWER_NOW: reply is set. ANSWER_LATER: it is when next_answer returns this call. */
	enum answer (*answer)(void *ctx, struct call *call);
	/*
	 * Not NULL: gets each piece of the body as it comes, and none is kept. call->state is the
	 * endpoint's, NULL at first; answer must free it and set it to NULL.
	 */
	void (*parse_piece)(void *ctx, struct call *call, const char *bytes, size_t n);
	/* Frees the state of a call that is cut before its answer. NULL: there is no state. */
	void (*drop)(void *ctx, struct call *call);
	const char *argument; /* the name of a query's parameter; NULL: the query means nothing */
	/* Whether a call that waits is dropped when its client hangs up. NULL: none is. */
	bool (*ends_with_client)(const struct call *call);
};

struct server_options {
	int listen_fd; /* a listening unix socket, non-blocking; stays the caller's */
	const struct endpoint *endpoints;
	size_t count;
	void *ctx;                /* passed to answer */
	size_t budget;            /* most bytes of all bodies in flight; beyond: 503 */
	unsigned *connections;    /* kept at the number of open ones; NULL: not wanted */
	unsigned request_seconds; /* time-out, from a request's first line to its reply's end */
	/* The socket outlives this process: its backlog is left for the next one. */
	bool handed_over;
	/* Called once, at a stop, before the last connections are accepted. May be NULL. */
	void (*on_stop)(void *ctx);
	/* Called on SIGHUP. NULL: the log says that there is nothing to reload. */
	void (*on_hangup)(void *ctx);
	/*
	 * For answers that come later; NULL: there are none. Returns the next call whose answer has
	 * come, or NULL. The loop calls it when wake_fd is readable and after answer_timeout
	 * milliseconds (-1: never), as long as there are such calls. A stop waits for all of them.
	 */
	struct call *(*next_answer)(void *ctx);
	int (*answer_timeout)(void *ctx);
	int wake_fd;
	/*
	 * Called at the end of a round of the loop. Returns after how many milliseconds to call it
	 * again (a little more may pass); 0: at the next event. NULL: not needed.
	 */
	unsigned (*on_tick)(void *ctx);
};

/*
 * Serves until SIGTERM or SIGINT, finishes the requests in hand (a second signal cuts them), and
 * returns 0. Blocks those signals, and SIGHUP, for the process, and ignores SIGPIPE. -1 and e when
 * it could not start.
 */
MUST_USE int server_run(const struct server_options *options, struct err *e);

#endif
