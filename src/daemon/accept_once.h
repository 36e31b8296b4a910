/*
 * libmicrohttpd accepts until accept4 fails. Linux makes a socket and a file before it sees that
 * no client waits, and that costs a tenth of a connection with one call. So dspd's accept4, which
 * takes the place of libc's by name, accepts one client in a round of the loop, and then finds no
 * other: if one waits, the listening socket is still readable, and the next round has it. Without
 * this file dspd does the same, and is slower.
 */
#ifndef DSP_ACCEPT_ONCE_H
#define DSP_ACCEPT_ONCE_H

/* A round begins: the next accept4 asks the kernel. */
void accept_once_again(void);

#endif
