/* The name of this host. */
#ifndef DSP_HOST_NAME_H
#define DSP_HOST_NAME_H

enum { HOST_NAME_ROOM = 65 }; /* Linux: 64 bytes, and a terminator */

/* Writes the name that hostname(1) prints; empty: the kernel does not give it. */
void host_name(char out[HOST_NAME_ROOM]);

#endif
