/*
 * libmicrohttpd's (MHD's) epoll set, in which dspd's loop sleeps. MHD watches each connection for
 * room to write too, so that it wakes up once more for every reply that a client reads. Here that
 * watch is changed while it is not needed. How MHD tags what is in its set is not documented, so
 * mhd_set_open tries it.
 */
#ifndef DSP_MHD_SET_H
#define DSP_MHD_SET_H

#include <stdbool.h>

#include "dsp/core/base/err.h"

struct MHD_Connection;
struct MHD_Daemon;

struct mhd_set {
	int fd;     /* MHD's */
	bool known; /* its tags are as expected; else MHD's watches stay as they are */
};

/*
 * MHD_run_wait(mhd) returns also when waker, a descriptor of the caller's, is readable. -1 and e:
 * it cannot be watched.
 */
MUST_USE int mhd_set_open(struct mhd_set *set, struct MHD_Daemon *mhd, int waker, struct err *e);

/*
 * Watches a connection that is in the set, for bytes, and for room to write if writes. What can be
 * read or written already counts as new. Without effect on one that is not in the set.
 */
void mhd_set_watch(
	const struct mhd_set *set, int fd, struct MHD_Connection *connection, bool writes);

#endif
