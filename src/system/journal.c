#include "dsp/system/journal.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "dsp/core/base/text.h"
#include "dsp/system/unix_socket.h"

enum { PATIENCE_MS = 100 };

/* JOURNAL_STREAM is DEVICE:INODE of what was standard output and error at the start. */
bool journal_has_stderr(void)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment */
	const char *stream = getenv("JOURNAL_STREAM");
	char own[64];
	struct line l;
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st) != 0)
		return false;
	line_init(&l, own, sizeof(own));
	line_add(&l, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	return strcmp(stream, own) == 0;
}

int journal_stream(void)
{
	/* Identifier, unit (journald finds it itself), priority, whether a line may set its own. */
	static const char head[] = "dsp\n\n6\n1\n0\n0\n0\n";
	int fd = unix_socket_connect("/run/systemd/journal/stdout");

	if (fd < 0 || write(fd, head, sizeof(head) - 1) == (ssize_t)sizeof(head) - 1)
		return fd;
	(void)close(fd);
	return -1;
}

int journal_open(struct err *e)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd >= 0 ? fd : FAIL(e, errno, "cannot open a socket to the journal");
}

enum journal_said journal_send(int fd, const char *path, struct span record, struct err *e)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	text_copy(span_of(path), to.sun_path, sizeof(to.sun_path));
	for (int try = 0; try < 2; try++) {
		ssize_t n = sendto(fd, record.s, record.n, MSG_NOSIGNAL,
			(const struct sockaddr *)&to, sizeof(to));

		if (n >= 0)
			return JOURNAL_TOOK;
		err_set(e, errno, "cannot write to the journal (%s)", path);
		if (e->code == ENOENT || e->code == EACCES || e->code == EPERM)
			return JOURNAL_ABSENT;
		if (e->code == EAGAIN)
			(void)poll(&p, 1, PATIENCE_MS);
	}
	return JOURNAL_BUSY;
}
