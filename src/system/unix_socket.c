#include "dsp/system/unix_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool unix_socket_address(const char *path, struct sockaddr_un *ret)
{
	size_t n = strlen(path);

	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (n >= sizeof(ret->sun_path))
		return false;
	memcpy(ret->sun_path, path, n);
	return true;
}

int unix_socket_connect(const char *path)
{
	struct sockaddr_un address;
	int code;
	int fd;

	if (!unix_socket_address(path, &address)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	code = errno;
	(void)close(fd);
	errno = code;
	return -1;
}

pid_t unix_socket_peer(int fd)
{
	struct ucred peer = { .pid = 0 };
	socklen_t n = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 ? peer.pid : 0;
}
