/*
 * A thread that reads on which sockets a dockerd listens (host_tables_recall). That takes
 * milliseconds where a host has many sockets and files, so not in the event loop. Call these from
 * the event loop only; none of them blocks, except socket_reader_close (at most 100 ms).
 */
#ifndef DSP_SOCKET_READER_H
#define DSP_SOCKET_READER_H

#include <stdbool.h>
#include <sys/types.h>

#include "dsp/core/base/err.h"
#include "dsp/host/host_tables.h"

struct socket_reader;

/* The thread starts when there is something to read. NULL and e on error. */
struct socket_reader *socket_reader_new(struct err *e) __attribute__((warn_unused_result));

/* A descriptor that is readable when socket_reader_take has something. */
int socket_reader_fd(const struct socket_reader *r);

/*
 * Asks for the sockets of a dockerd, unless the thread is busy: ask again when it has read. -1: the
 * thread cannot be started.
 */
MUST_USE int socket_reader_ask(struct socket_reader *r, pid_t docker);

struct sockets_read {
	pid_t docker;
	int code;                  /* 0, or an errno value: they cannot be read */
	struct host_tables tables; /* the caller calls host_tables_free in any case */
};

/* What was read; false: nothing yet. */
bool socket_reader_take(struct socket_reader *r, struct sockets_read *ret);

/* NULL is fine. A thread that still reads frees all when it has read. */
void socket_reader_close(struct socket_reader *r);

#endif
