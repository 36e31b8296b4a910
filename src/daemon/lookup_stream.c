#include "lookup_stream.h"

#include <errno.h>
#include <string.h>

#include "dsp/core/base/mem.h"

char *lookup_request_write(
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

static bool is_in_order(const struct lookup_reply *r)
{
	return (r->flags & ~(uint32_t)LOOKUP_FLAGS) == 0 &&
		(r->node == 0 || strchr("bcd", (int)r->node)) &&
		memchr(r->path, '\0', sizeof(r->path)) && memchr(r->place, '\0', sizeof(r->place));
}

bool lookup_reply_begins(const struct lookup_reply *r)
{
	return is_in_order(r) && r->kind == LOOKUP_BEGUN;
}

/* Enters one reply in l. */
static int enter(struct mount_lookup *l, const struct lookup_reply *r)
{
	struct mount_info found;

	if (r->kind != LOOKUP_FOUND || (r->flags & LOOKUP_FLAG_LAST) != 0)
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

/* What the last reply says. */
static struct lookup_end read_end(const struct lookup_reply *r)
{
	enum { ERRNO_MOST = 4095 };

	return (struct lookup_end){ .code = r->number <= ERRNO_MOST ? (int)r->number : EPROTO,
		.last = r->flags & LOOKUP_FLAG_LAST };
}

bool lookup_replies_enter(struct mount_lookup *l, const struct lookup_reply *replies, size_t count,
	struct lookup_end *end)
{
	for (size_t i = 0; i < count; i++) {
		const struct lookup_reply *r = &replies[i];
		bool ends = is_in_order(r) && r->kind == LOOKUP_ENDED;

		/* Behind its end nothing comes before the next request. */
		*end = (struct lookup_end){ .code = EPROTO };
		if (ends && i + 1 == count)
			*end = read_end(r);
		else if (!ends && is_in_order(r))
			end->code = enter(l, r);
		if (ends || end->code != 0)
			return true;
	}
	return false;
}
