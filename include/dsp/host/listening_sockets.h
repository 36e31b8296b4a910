/* Finds the sockets of Docker and containerd in /proc: by who listens on them, and by name. */
#ifndef DSP_LISTENING_SOCKETS_H
#define DSP_LISTENING_SOCKETS_H

#include <stddef.h>
#include <sys/types.h>

#include "dsp/core/base/err.h"

enum listening {
	LISTENING_KNOWN,
	LISTENING_GUESSED, /* its descriptors may not be read: all sockets on which root listens */
	LISTENING_UNKNOWN, /* nor may its table of sockets; too many; at a relative path */
};

/*
 * Calls report with the absolute path of each unix socket on which process listens, 32 at most.
 * Returns how well they are known (enum listening, never LISTENING_GUESSED); -1 and errno: a system
 * call failed, or no memory.
 */
MUST_USE int listening_sockets_own(
	pid_t process, void (*report)(void *ctx, const char *path), void *ctx);

/*
 * The same, and then the sockets of the process's network name space that are named as Docker's and
 * containerd's are. LISTENING_GUESSED: all sockets that may be dockerd's.
 */
MUST_USE int listening_sockets_all(
	pid_t process, void (*report)(void *ctx, const char *path), void *ctx);

/*
 * 1: process has a socket that listens at path; 0: another process has it; -1: no process listens
 * there, or it is unknown, as when the path is written differently.
 */
MUST_USE int listening_sockets_has(pid_t process, const char *path);

/*
 * Calls report with the address ("127.0.0.1:2375") of each TCP socket on which process listens and
 * which holder has too: systemd keeps those that it handed over. Sockets that cannot be read are
 * left out.
 */
void listening_sockets_tcp(
	pid_t process, pid_t holder, void (*report)(void *ctx, const char *address), void *ctx);

/* The unix sockets of this network name space, as text of the kernel's table. */
struct listening_table {
	char *text; /* owned */
	size_t n;
};

/* -1 and errno. Afterwards the caller calls listening_table_free. */
MUST_USE int listening_table_read(struct listening_table *ret);

/* Calls report with the absolute path of each that listens. */
void listening_table_each(const struct listening_table *table,
	void (*report)(void *ctx, const char *path), void *ctx);

void listening_table_free(struct listening_table *table);

/* How well the sockets of a process can be known. */
enum listening listening_sockets_access(pid_t process);

#endif
