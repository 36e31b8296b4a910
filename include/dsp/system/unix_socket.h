/* Unix stream sockets, and the process at the other end. */
#ifndef DSP_UNIX_SOCKET_H
#define DSP_UNIX_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/un.h>

/* The address of a socket at this path. False: the path is longer than an address holds. */
bool unix_socket_address(const char *path, struct sockaddr_un *ret);

/*
 * Connects to the server that listens at path. The socket never blocks, not even here: a server
 * that does not accept is an error (EAGAIN). The caller closes it. -1 and errno: ENAMETOOLONG when
 * the path is longer than an address holds.
 */
int unix_socket_connect(const char *path) __attribute__((warn_unused_result));

/* The process at the other end of a connected socket (SO_PEERCRED); 0: unknown. */
pid_t unix_socket_peer(int fd);

#endif
