/* Docker's and containerd's sockets as /proc tells: those on which dockerd listens, and by name. */
#ifndef DSP_LISTENING_SOCKETS_H
#define DSP_LISTENING_SOCKETS_H

#include <sys/types.h>

#include "dsp/core/base/err.h"

enum listening {
	LISTENING_KNOWN,
	LISTENING_GUESSED, /* the process's descriptors may not be read: all that root listens on */
	LISTENING_UNKNOWN, /* nor may its table of sockets; or there are too many */
};

/*
 * Calls see with the absolute path of each unix socket that process listens on; of 32 at most.
 * How well these are known (never by a guess); -1 when memory ran out.
 */
MUST_USE int listening_sockets_own(
	pid_t process, void (*report)(void *ctx, const char *path), void *ctx);

/*
 * The same, and then those of its network's name space that are called as Docker's are; or what may
 * be dockerd's.
 */
MUST_USE int listening_sockets_all(
	pid_t process, void (*report)(void *ctx, const char *path), void *ctx);

/*
 * Whether process has a socket that listens at path; -1: nobody listens there, or it cannot be
 * known, as when the path was written in another way.
 */
MUST_USE int listening_sockets_has(pid_t process, const char *path);

/*
 * Calls see with the address ("127.0.0.1:2375") of each TCP socket on which process listens and
 * which holder has too: systemd has all that it has handed over. What may not be read is left out.
 */
void listening_sockets_tcp(
	pid_t process, pid_t holder, void (*report)(void *ctx, const char *address), void *ctx);

/* How well those of a process can be known. */
enum listening listening_sockets_access(pid_t process);

#endif
