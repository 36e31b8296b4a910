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

int lookup_stream_reply(int fd, struct lookup_reply *r)
{
	for (size_t at = 0; at < sizeof(*r);) {
		ssize_t n = recv(fd, (char *)r + at, sizeof(*r) - at, 0);

		if (n == 0)
			return EPIPE;
		if (n < 0 && errno != EINTR)
			return errno == EAGAIN ? ETIMEDOUT : errno;
		at += n > 0 ? (size_t)n : 0;
	}
	if (r->flags & ~(uint32_t)LOOKUP_FLAGS || (r->node != 0 && !strchr("bcd", (int)r->node)) ||
		!memchr(r->path, '\0', sizeof(r->path)) ||
		!memchr(r->place, '\0', sizeof(r->place)))
		return EPROTO;
	return 0;
}

int lookup_stream_receive(int fd, struct mount_lookup *l)
{
	for (;;) {
		struct lookup_reply r;
		struct mount_info found;
		struct lookup_step step;
		int code = lookup_stream_reply(fd, &r);

		if (code != 0)
			return code;
		if (r.kind == LOOKUP_ENDED)
			return r.number <= 4095 ? (int)r.number : EPROTO;
		if (r.kind != LOOKUP_SOURCE && r.kind != LOOKUP_FOUND)
			return EPROTO;
		found = (struct mount_info){ .visible = r.flags & LOOKUP_FLAG_VISIBLE,
			.socket = r.flags & LOOKUP_FLAG_SOCKET,
			.dsp_file = r.flags & LOOKUP_FLAG_DSP_FILE,
			.device = r.flags & LOOKUP_FLAG_DEVICE,
			.unknown = r.flags & LOOKUP_FLAG_UNKNOWN,
			.maybe_socket = r.flags & LOOKUP_FLAG_MAYBE_SOCKET,
			.holds_mounts = r.flags & LOOKUP_FLAG_HOLDS_MOUNTS,
			.node = (char)r.node,
			.major = r.major,
			.minor = r.minor,
			.file_system = r.file_system,
			.inode = r.inode };
		memcpy(found.path, r.path, sizeof(found.path));
		memcpy(found.place, r.place, sizeof(found.place));
		step = (struct lookup_step){ .index = r.number, .mount = span_of(r.path) };
		if (r.kind == LOOKUP_FOUND)
			step.found = &found;
		code = mount_lookup_step(l, &step);
		if (code != 0)
			return code;
	}
}
