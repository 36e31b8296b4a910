/*
 * What the service manager is told (sd_notify(3)): ready, reloading, stopping, how it goes, and
 * that the loop still turns. One datagram each, written here by hand: libsystemd would bring
 * 845 KB and five libraries into a process that decides about root, and has no static form.
 *
 * Nothing here waits, and nothing depends on who listens: without NOTIFY_SOCKET nothing is sent.
 */
#ifndef DSP_NOTIFY_H
#define DSP_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "dsp/core/base/err.h"

struct notify {
	int fd; /* -1: there is nobody to tell */
	struct sockaddr_un address;
	socklen_t length;
	unsigned watchdog_ms; /* how long the manager waits for a sign of life; 0: it does not */
	bool late;            /* the last word on the state found no room */
	char state[512];      /* that word */
};

/*
 * To be called once, first of all: NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID are taken out of
 * the environment. -1 and e, for a line of the log, when one of them cannot be understood: what
 * can be is in *n all the same.
 */
MUST_USE int notify_open(struct notify *n, struct err *e);

/* Ready, with a few words for `systemctl status`; also when a reload is over, well or not. */
void notify_ready(struct notify *n, const char *status);

void notify_reloading(struct notify *n);
void notify_stopping(struct notify *n);

/*
 * A sign of life, and what found no room before: for the serving loop alone, never for a thread of
 * its own, which would live on when the loop does not. After so many milliseconds at most it must
 * come again.
 */
unsigned notify_alive(struct notify *n);

#endif
