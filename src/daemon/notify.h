/*
 * Notifies the service manager (sd_notify(3)): ready, reloading, stopping, a status line, and that
 * the event loop still runs. Each is one datagram, sent without libsystemd: that would bring 845 KB
 * and five libraries into a process that decides over root, and has no static form.
 *
 * Nothing here waits. Without NOTIFY_SOCKET nothing is sent.
 */
#ifndef DSP_NOTIFY_H
#define DSP_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "dsp/core/base/err.h"

struct notify {
	int fd; /* -1: no service manager listens */
	struct sockaddr_un address;
	socklen_t length;
	unsigned watchdog_ms; /* how long the manager waits for WATCHDOG=1; 0: for ever */
	bool late;            /* the last state could not be sent yet */
	char state[512];      /* that state */
};

/*
 * Call it once, before anything else: it removes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID from
 * the environment. -1 and e, for the log: one of them is invalid; *n then has the others.
 */
MUST_USE int notify_open(struct notify *n, struct err *e);

/* Ready, with a line for `systemctl status`. Also sent when a reload has ended or failed. */
void notify_ready(struct notify *n, const char *status);

void notify_reloading(struct notify *n);
void notify_stopping(struct notify *n);

/*
 * Sends WATCHDOG=1, and the state that could not be sent before. Call it from the event loop only:
 * a thread of its own would live on when the loop hangs. Returns the milliseconds after which it
 * must be called again.
 */
unsigned notify_alive(struct notify *n);

#endif
