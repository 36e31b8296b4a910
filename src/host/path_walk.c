#include "path_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "dsp/core/base/text.h"
#include "dsp/core/facts/paths.h"

enum {
	LINKS_MOST = 40,           /* as the kernel */
	LOOK = O_PATH | O_CLOEXEC, /* opens nothing that could answer: no device, no pipe */
};

/* What is still to be gone: a link's text is put before it. */
struct way {
	int fd;
	struct span rest;
	unsigned links;
	char *room; /* of two buffers: the one in which rest does not stand */
	char *other;
	bool magic; /* it led through a process's own link */
};

static int open_without_magic(const char *path)
{
	const struct open_how how = { .flags = LOOK, .resolve = RESOLVE_NO_MAGICLINKS };

	return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
}

/* The real path; empty when the kernel does not say. */
static struct span real_path(int fd, char room[WALK_ROOM])
{
	char link[32];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, room, WALK_ROOM);
	if (n <= 0 || n == WALK_ROOM || room[0] != '/')
		return (struct span){ NULL, 0 };
	return (struct span){ room, (size_t)n };
}

static void go_to(struct way *way, int fd, struct span rest)
{
	(void)close(way->fd);
	way->fd = fd;
	way->rest = rest;
}

/* Goes on with a link's text, as the kernel does, or would if its target came. */
static bool follow_text(struct way *way, struct span target, struct span after)
{
	char *room = way->room;
	int root;

	if (++way->links > LINKS_MOST || target.n + after.n + 1 > WALK_ROOM)
		return false;
	if (target.s[0] == '/') {
		root = open("/", LOOK);
		if (root < 0)
			return false;
		go_to(way, root, after);
	}
	memcpy(room, target.s, target.n);
	room[target.n] = '/';
	memcpy(room + target.n + 1, after.s, after.n);
	way->rest = (struct span){ room, target.n + 1 + after.n };
	way->room = way->other;
	way->other = room;
	return true;
}

/* Whether links in the directory fd, other than those of /proc itself, are a process's own. */
static bool is_process_link(int fd, const char *name)
{
	static const char *const plain[] = { "self", "thread-self", "mounts", "net" };
	struct statfs fs;

	if (fstatfs(fd, &fs) != 0 || fs.f_type != PROC_SUPER_MAGIC)
		return false;
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (strcmp(name, plain[i]) == 0)
			return false;
	}
	return true;
}

static bool is_link(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISLNK(st.st_mode);
}

/* Goes one part further; false: there is nothing. */
static bool step(struct way *way, struct span part, struct span after)
{
	char name[NAME_MAX + 1];
	char target[1024];
	ssize_t n;
	int fd;

	if (part.n > NAME_MAX)
		return false;
	text_copy(part, name, sizeof(name));
	fd = openat(way->fd, name, LOOK | O_NOFOLLOW);
	if (fd < 0)
		return false;
	if (is_link(fd)) {
		n = readlinkat(fd, "", target, sizeof(target));
		(void)close(fd);
		if (!is_process_link(way->fd, name))
			return n > 0 && (size_t)n < sizeof(target) &&
				follow_text(way, (struct span){ target, (size_t)n }, after);
		/* Its text is a name for people; the kernel alone knows where it leads. */
		way->magic = true;
		fd = openat(way->fd, name, LOOK);
		if (fd < 0)
			return false;
	}
	go_to(way, fd, after);
	return true;
}

static void go(struct way *way)
{
	while (way->rest.n > 0) {
		struct span part = { way->rest.s, span_find(way->rest, '/') };
		struct span after = span_after(
			way->rest, part.n < way->rest.n ? part.n + 1 : part.n);

		if (part.n == 0 || span_equal(part, SPAN(".")))
			way->rest = after;
		else if (!step(way, part, after))
			return;
	}
}

/* base and rest, cleaned, cut where they do not fit. */
static struct span join(struct walk *w, struct span base, struct span rest)
{
	char *text = w->room[1];
	size_t n = base.n < WALK_ROOM - 2 ? base.n : WALK_ROOM - 2;

	/* Of two callers one has an empty base. */
	/* cppcheck-suppress knownConditionTrueFalse */
	if (n > 0)
		memcpy(text, base.s, n);
	text[n++] = '/';
	if (rest.n > WALK_ROOM - 1 - n)
		rest.n = WALK_ROOM - 1 - n;
	if (rest.n > 0)
		memcpy(text + n, rest.s, rest.n);
	n = path_clean((struct span){ text, n + rest.n }, w->room[2]);
	return (struct span){ w->room[2], n };
}

/* Part by part, so that each link is seen: as far as there is something. */
static void walk_partly(struct walk *w, const char *path)
{
	struct way way = { .fd = open("/", LOOK), .rest = span_of(path) };

	way.room = w->room[2];
	way.other = w->room[3];
	if (way.fd >= 0)
		go(&way);
	w->fd = way.fd;
	w->magic = way.magic;
	if (w->fd >= 0)
		w->base = real_path(w->fd, w->room[0]);
	w->there = w->fd >= 0 && way.rest.n == 0;
	w->plain = w->there && w->base.n > 0 && !w->magic;
	w->path = join(w, w->base, w->base.n > 0 ? way.rest : span_of(path));
}

void walk_to(struct walk *w, const char *path)
{
	w->base = w->path = (struct span){ NULL, 0 };
	w->there = w->plain = w->magic = false;
	w->fd = open_without_magic(path);
	if (w->fd < 0 && errno == ELOOP) {
		/* There was such a link. */
		w->magic = true;
		w->fd = open(path, LOOK);
	}
	/* Also where the kernel cannot tell: before 5.6, or with RestrictSUIDSGID= of systemd. */
	if (w->fd < 0) {
		walk_partly(w, path);
		return;
	}
	w->base = real_path(w->fd, w->room[0]);
	w->plain = w->base.n > 0 && !w->magic;
	w->there = true;
	w->path = w->base.n > 0 ? w->base : join(w, w->base, span_of(path));
}
