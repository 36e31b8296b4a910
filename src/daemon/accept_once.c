#include "accept_once.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

/* <sys/socket.h> declares it with a union for sockaddr. */
struct sockaddr;
int accept4(int fd, struct sockaddr *peer, socklen_t *peer_n, int flags)
	__attribute__((visibility("default")));

static bool accepted;

void accept_once_again(void)
{
	accepted = false;
}

int accept4(int fd, struct sockaddr *peer, socklen_t *peer_n, int flags)
{
	int ret;

	if (accepted) {
		errno = EAGAIN;
		return -1;
	}
	ret = (int)syscall(SYS_accept4, fd, peer, peer_n, flags);
	accepted = ret >= 0;
	return ret;
}
