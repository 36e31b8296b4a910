#include "lookup_stream.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "dsp/core/base/mem.h"

/* The request with its texts; *n: its bytes. NULL: no memory. */
static char *write_request(
	const struct mount_lookup *l, const struct host_tables *tables, size_t *n)
{
	struct span dir = mount_lookup_own_paths(l);
	struct lookup_request head = { .docker = mount_lookup_docker(l),
		.known = tables->known,
		.dir = (uint32_t)dir.n,
		.sockets = (uint32_t)tables->sockets.n,
		.count = (uint32_t)mount_lookup_count(l),
		.all_mounts = mount_lookup_all_mounts(l) };
	char *text;
	char *to;

	for (size_t i = 0; i < head.count; i++)
		head.sources += (uint32_t)(sizeof(uint32_t) + mount_lookup_source(l, i).n);
	*n = sizeof(head) + head.dir + head.sockets + head.sources;
	text = mem_alloc(*n);
	if (!text)
		return NULL;
	to = mempcpy(text, &head, sizeof(head));
	if (dir.n > 0)
		to = mempcpy(to, dir.s, dir.n);
	if (tables->sockets.n > 0)
		to = mempcpy(to, tables->sockets.s, tables->sockets.n);
	for (size_t i = 0; i < head.count; i++) {
		struct span source = mount_lookup_source(l, i);
		uint32_t length = (uint32_t)source.n;

		to = mempcpy(to, &length, sizeof(length));
		to = mempcpy(to, source.s, source.n);
	}
	return text;
}

int lookup_stream_send(int fd, const struct mount_lookup *l, const struct host_tables *tables)
{
	size_t n;
	AUTO_MEM char *text = write_request(l, tables, &n);

	if (!text)
		return ENOMEM;
	for (size_t at = 0; at < n;) {
		ssize_t done = send(fd, text + at, n - at, MSG_NOSIGNAL);

		if (done < 0 && errno != EINTR)
			return errno;
		at += done > 0 ? (size_t)done : 0;
	}
	return 0;
}

/* As much as has come, at least one reply. Returns their number; 0: failed, and *code says why. */
static size_t receive(int fd, struct lookup_reply *replies, size_t most, int *code)
{
	const size_t size = sizeof(replies[0]);
	size_t at = 0;

	while (at == 0 || at % size != 0) {
		ssize_t n = recv(fd, (char *)replies + at, most * size - at, 0);

		*code = n == 0 ? EPIPE : errno == EAGAIN ? ETIMEDOUT : errno;
		if (n == 0 || (n < 0 && errno != EINTR))
			return 0;
		at += n > 0 ? (size_t)n : 0;
	}
	*code = 0;
	return at / size;
}

static bool is_in_order(const struct lookup_reply *r)
{
	return (r->flags & ~(uint32_t)LOOKUP_FLAGS) == 0 &&
		(r->node == 0 || strchr("bcd", (int)r->node)) &&
		memchr(r->path, '\0', sizeof(r->path)) && memchr(r->place, '\0', sizeof(r->place));
}

int lookup_stream_reply(int fd, struct lookup_reply *r)
{
	int code;

	if (receive(fd, r, 1, &code) == 0)
		return code;
	return is_in_order(r) ? 0 : EPROTO;
}

/* Enters one reply in l. */
static int enter(struct mount_lookup *l, const struct lookup_reply *r)
{
	struct mount_info found;

	if (r->kind != LOOKUP_FOUND)
		return EPROTO;
	found = (struct mount_info){ .visible = r->flags & LOOKUP_FLAG_VISIBLE,
		.socket = r->flags & LOOKUP_FLAG_SOCKET,
		.dsp_file = r->flags & LOOKUP_FLAG_DSP_FILE,
		.device = r->flags & LOOKUP_FLAG_DEVICE,
		.unknown = r->flags & LOOKUP_FLAG_UNKNOWN,
		.maybe_socket = r->flags & LOOKUP_FLAG_MAYBE_SOCKET,
		.holds_mounts = r->flags & LOOKUP_FLAG_HOLDS_MOUNTS,
		.node = (char)r->node,
		.major = r->major,
		.minor = r->minor,
		.file_system = r->file_system,
		.inode = r->inode };
	memcpy(found.path, r->path, sizeof(found.path));
	memcpy(found.place, r->place, sizeof(found.place));
	return mount_lookup_enter(l, r->number, &found);
}

int lookup_stream_receive(int fd, struct mount_lookup *l)
{
	for (;;) {
		struct lookup_reply replies[4];
		int code;
		size_t count = receive(fd, replies, sizeof(replies) / sizeof(replies[0]), &code);

		for (size_t i = 0; i < count && code == 0; i++) {
			const struct lookup_reply *r = &replies[i];

			if (!is_in_order(r))
				return EPROTO;
			/* Behind it nothing comes before the next request. */
			if (r->kind == LOOKUP_ENDED)
				return i + 1 == count && r->number <= 4095 ? (int)r->number
									   : EPROTO;
			code = enter(l, r);
		}
		if (code != 0)
			return code;
	}
}
