#include "host_view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/facts/paths.h"
#include "dsp/host/listening_sockets.h"
#include "dsp/system/file.h"
#include "dsp/system/path_walk.h"
#include "host_object.h"
#include "mount_proof.h"
#include "mount_table.h"
#include "witness.h"

enum {
	PLACES_MOST = 320, /* dsp's own, and as many sockets as listening_sockets.c finds */
	UNKNOWN_DEPTH = 64,
};

struct identity {
	dev_t dev;
	ino_t ino;
	dev_t node; /* the numbers of a device; not compared */
};

/* A set of files by device and inode; sorted when it is complete. */
struct identities {
	struct identity *items;
	size_t count;
	size_t room;
};

/* Files of one kind: by device and inode, and by their paths inside their file systems. */
struct object_set {
	struct identities ids;
	struct mount_place places[PLACES_MOST];
	size_t place_count;
};

struct host_view {
	struct mount_table mounts;
	struct object_set own;        /* the files that keep dsp in force */
	struct object_set sockets;    /* ids has the directories above the sockets too */
	struct object_set containerd; /* directories in which all counts as a socket */
	struct identity root;
	struct span own_paths;     /* each terminated; mem_free */
	int error;                 /* the first one of a look-up; 0: none */
	bool sockets_unknown;      /* the sockets on which dockerd listens are unknown */
	struct host_object object; /* the one found last */
	struct mount *at;          /* of a source: its mount; NULL: not known */
	struct host_object other;  /* for the proofs of a mount's texts */
	char place[MOUNT_PLACE_ROOM];

	/* For the next requests. */
	struct witnesses witnesses;
	unsigned renewed; /* how often it was found to be right; 0: it was read for this request */
	pid_t docker;
	int file; /* of mounts; the caller's */
	int known;
	char *listeners; /* the sockets that the caller knew of; mem_free */
	size_t listeners_size;
};

/* Records that a look-up failed. What says something about a path is no failure. */
static void record_error(struct host_view *h, int code)
{
	if (h->error == 0 && code != 0 && !path_error_is_answer(code))
		h->error = code;
}

/* --- identities --------------------------------------------------------------------------------*/

/* Of a directory: fd, or what is found from it at a path such as "..". */
static bool identify(struct host_view *h, int fd, const char *path, struct identity *ret)
{
	struct stat st;

	if (fstatat(fd, path, &st, AT_EMPTY_PATH | AT_NO_AUTOMOUNT) != 0) {
		record_error(h, errno);
		return false;
	}
	*ret = (struct identity){ st.st_dev, st.st_ino, st.st_rdev };
	return true;
}

static struct identity identity_of(const struct host_object *o)
{
	return (struct identity){ makedev(o->st.stx_dev_major, o->st.stx_dev_minor), o->st.stx_ino,
		makedev(o->st.stx_rdev_major, o->st.stx_rdev_minor) };
}

static int compare(const void *left, const void *right)
{
	const struct identity *a = left;
	const struct identity *b = right;

	if (a->dev != b->dev)
		return a->dev < b->dev ? -1 : 1;
	return a->ino < b->ino ? -1 : a->ino > b->ino;
}

static bool identities_has(const struct identities *set, const struct identity *id)
{
	return set->count > 0 && bsearch(id, set->items, set->count, sizeof(*id), compare) != NULL;
}

static bool identities_add(struct identities *set, const struct identity *id)
{
	if (set->count == set->room) {
		size_t room = set->room > 0 ? set->room * 2 : 32;
		struct identity *items = mem_resize(set->items, room * sizeof(*items));

		if (!items)
			return false;
		set->items = items;
		set->room = room;
	}
	set->items[set->count++] = *id;
	return true;
}

static void identities_sort(struct identities *set)
{
	if (set->count > 0)
		qsort(set->items, set->count, sizeof(*set->items), compare);
}

/* How many directories there are from the object's, or its own, to the root, itself included. */
static size_t count_directories(const struct host_object *o)
{
	size_t n = o->base.n > 0 ? 1 : UNKNOWN_DEPTH;

	for (size_t i = 1; i < o->base.n; i++)
		n += o->base.s[i] == '/' || i == 1;
	return n - (!S_ISDIR(o->st.stx_mode) && n > 1);
}

/* Opens the directory that the object is or stands in; the caller closes it. -1: it is not open. */
static int open_directory(struct host_view *h)
{
	const struct host_object *o = &h->object;
	char *path = h->place;
	size_t n = o->base.n;
	int fd = -1;

	while (n > 0 && o->base.s[n - 1] != '/')
		n--;
	errno = n < sizeof(h->place) ? ENOENT : ENAMETOOLONG;
	if (S_ISDIR(o->st.stx_mode)) {
		fd = path_open_at(o->fd, ".", O_PATH | O_CLOEXEC);
	} else if (n > 0 && n < sizeof(h->place)) {
		text_copy((struct span){ o->base.s, n }, path, sizeof(h->place));
		fd = path_open_at(AT_FDCWD, path, O_PATH | O_CLOEXEC);
	}
	if (fd < 0)
		record_error(h, errno);
	return fd;
}

/* Opens a directory above fd, such as "..", in the place of *own. -1: it cannot be opened. */
static int move_up(struct host_view *h, int fd, const char *path, int *own)
{
	int up = path_open_at(fd, path, O_PATH | O_CLOEXEC);

	if (up < 0)
		record_error(h, errno);
	file_close_auto(own);
	*own = up;
	return up;
}

/* --- what is known beforehand ------------------------------------------------------------------*/

static void record_place(struct host_view *h, struct object_set *k)
{
	struct mount_place place;

	if (k->place_count == PLACES_MOST ||
		!mount_table_place(mount_table_of(&h->mounts, &h->object.st, h->object.path),
			h->object.path, h->place, &place))
		return;
	place.path.s = mem_copy(place.path.s, place.path.n);
	if (place.path.s)
		k->places[k->place_count++] = place;
	else
		record_error(h, ENOMEM);
}

static void record_identity(struct host_view *h, struct object_set *k, const struct identity *id)
{
	if (!identities_add(&k->ids, id))
		record_error(h, ENOMEM);
}

static void find_object(struct host_view *h, const char *path)
{
	witness_find(&h->witnesses, &h->object, path);
	record_error(h, h->object.error);
}

static void record_files(struct host_view *h, struct object_set *k, const char *path)
{
	struct identity id;

	find_object(h, path);
	if (h->object.fd < 0)
		return;
	id = identity_of(&h->object);
	if (!h->object.there) {
		/* It may exist, in a directory that dsp must not enter. */
		record_place(h, k);
	} else if (compare(&id, &h->root) != 0) {
		/* Not the root, even if a path leads there: all would be of this kind. */
		record_identity(h, k, &id);
		record_place(h, k);
	}
}

static void record_socket(struct host_view *h, const char *path)
{
	struct identity id;
	AUTO_FD int fd = -1;

	find_object(h, path);
	/* A link to a missing file is found as the parent of that file: not what was meant. */
	if (!h->object.there) {
		/* In a directory that dsp must not enter: at least its place. */
		if (h->object.error == EACCES && h->object.fd >= 0)
			record_place(h, &h->sockets);
		return;
	}
	id = identity_of(&h->object);
	record_identity(h, &h->sockets, &id);
	record_place(h, &h->sockets);
	fd = open_directory(h);
	for (size_t n = count_directories(&h->object); fd >= 0 && n > 0; n--) {
		if (identify(h, fd, "", &id))
			record_identity(h, &h->sockets, &id);
		(void)move_up(h, fd, "..", &fd);
	}
}

/* Marks the mounts that contain a socket: a mount source above them exposes it too. */
static void mark_exposed(struct host_view *h)
{
	for (size_t i = 0; i < h->sockets.place_count; i++)
		mount_table_mark(&h->mounts, &h->sockets.places[i]);
}

/* The programs of this process and of the dockerd that asks, as far as they are visible. */
static void record_programs(struct host_view *h, pid_t docker)
{
	char path[32];

	record_files(h, &h->own, "/proc/self/exe");
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)docker);
	if (docker > 0)
		record_files(h, &h->own, path);
}

/* Adds what proves to later requests the texts that places and marks were made of. */
static void prove_mounts(struct host_view *h)
{
	for (size_t i = 0; i < h->mounts.count; i++) {
		const struct mount *one = &h->mounts.items[i];
		bool proven = true;

		if (one->used)
			proven = mount_proof_texts(&h->mounts, one, &h->witnesses, &h->other);
		if (one->marked && proven)
			proven = mount_proof_point(&h->mounts, one, &h->witnesses, &h->other);
		h->witnesses.partial = h->witnesses.partial || !proven;
	}
	host_object_close(&h->other);
	witness_sort(&h->witnesses);
}

static void read_host(struct host_view *h)
{
	struct span rest = { h->listeners, h->listeners_size };
	const struct span *paths;
	size_t count;

	find_object(h, "/");
	if (h->object.there)
		h->root = identity_of(&h->object);
	paths = path_dsp_directories(&count);
	for (size_t i = 0; i < count; i++)
		record_files(h, &h->own, paths[i].s);
	for (struct span own = h->own_paths; own.n > 0;)
		record_files(h, &h->own, span_cut(&own, '\0').s);
	record_programs(h, h->docker);
	paths = path_socket_directories(&count);
	for (size_t i = 0; i < count; i++)
		record_files(h, &h->containerd, paths[i].s);
	paths = path_sockets(&count);
	for (size_t i = 0; i < count; i++)
		record_socket(h, paths[i].s);
	while (rest.n > 0)
		record_socket(h, span_cut(&rest, '\0').s);
	h->sockets_unknown = h->known == LISTENING_UNKNOWN;
	mark_exposed(h);
	prove_mounts(h);
	host_object_close(&h->object);
	identities_sort(&h->own.ids);
	identities_sort(&h->sockets.ids);
	identities_sort(&h->containerd.ids);
}

static void object_set_free(struct object_set *k)
{
	for (size_t i = 0; i < k->place_count; i++)
		mem_free((void *)(uintptr_t)k->places[i].path.s);
	mem_free(k->ids.items);
}

/* Frees what was read of the host. */
static void clear(struct host_view *h)
{
	host_object_close(&h->object);
	host_object_close(&h->other);
	object_set_free(&h->own);
	object_set_free(&h->sockets);
	object_set_free(&h->containerd);
	h->own.place_count = h->sockets.place_count = h->containerd.place_count = 0;
	h->own.ids = h->sockets.ids = h->containerd.ids = (struct identities){ .items = NULL };
	mount_table_free(&h->mounts);
	witness_free(&h->witnesses);
	h->error = 0;
	h->renewed = 0;
}

/* Reads the host, again too. -1 and errno: it is not known. */
static int read_again(struct host_view *h)
{
	clear(h);
	/* Before the table: what changes from here on shows at the next request. */
	(void)mount_table_is_current(h->file);
	if (mount_table_read(h->file, &h->mounts) != 0)
		return -1;
	read_host(h);
	errno = h->error;
	return errno == 0 ? 0 : -1;
}

static struct host_view *view_new(
	struct span own_paths, pid_t docker, const struct host_tables *tables)
{
	struct host_view *h = mem_array(1, sizeof(*h));
	char *own = mem_copy(own_paths.s, own_paths.n);
	char *listeners = mem_copy(tables->sockets.s, tables->sockets.n);

	if (!h || !own || !listeners) {
		mem_free(h);
		mem_free(own);
		mem_free(listeners);
		errno = ENOMEM;
		return NULL;
	}
	h->object.fd = h->other.fd = -1;
	h->own_paths = (struct span){ own, own_paths.n };
	h->docker = docker;
	h->file = tables->mounts;
	h->known = tables->known;
	h->listeners = listeners;
	h->listeners_size = tables->sockets.n;
	return h;
}

struct host_view *host_view_read(
	struct span own_paths, pid_t docker, const struct host_tables *tables)
{
	struct host_view *h = view_new(own_paths, docker, tables);
	int code;

	if (!h || read_again(h) == 0)
		return h;
	code = errno;
	host_view_free(h);
	errno = code;
	return NULL;
}

/* Whether it is a view for these. */
static bool is_for(const struct host_view *h, struct span own_paths, pid_t docker,
	const struct host_tables *tables)
{
	return h->docker == docker && h->file == tables->mounts && h->known == tables->known &&
		span_equal((struct span){ h->listeners, h->listeners_size }, tables->sockets) &&
		span_equal(h->own_paths, own_paths);
}

int host_view_renew(struct host_view **h, struct span own_paths, pid_t docker,
	const struct host_tables *tables, bool all_mounts)
{
	/* The events of mounts come first: a walk may meet what is mounted since. */
	if (*h && !all_mounts && is_for(*h, own_paths, docker, tables) &&
		mount_table_is_current((*h)->file) &&
		witness_holds(&(*h)->witnesses, &(*h)->mounts)) {
		(*h)->renewed++;
		return 0;
	}
	host_view_free(*h);
	*h = host_view_read(own_paths, docker, tables);
	return *h ? 0 : -1;
}

void host_view_free(struct host_view *h)
{
	if (!h)
		return;
	clear(h);
	mem_free(h->listeners);
	mem_free((void *)(uintptr_t)h->own_paths.s);
	mem_free(h);
}

/* --- a source ----------------------------------------------------------------------------------*/

static void inspect_directory(
	const struct host_view *h, const struct identity *id, struct mount_info *ret)
{
	ret->dsp_file = ret->dsp_file || identities_has(&h->own.ids, id);
	ret->socket = ret->socket || identities_has(&h->containerd.ids, id);
}

/*
 * Enters what the directories from the object up to the root are; the kernel goes up from an open
 * one, whatever the names are by then.
 */
static void inspect_above(struct host_view *h, struct mount_info *ret)
{
	enum { LEVELS = 8 };
	static const char up[] = "../../../../../../../..";
	char path[sizeof(up)];
	size_t steps = count_directories(&h->object);
	struct identity id = identity_of(&h->object);
	int fd = h->object.fd;
	AUTO_FD int own = -1;

	if (!S_ISDIR(h->object.st.stx_mode)) {
		fd = own = open_directory(h);
		if (fd < 0 || !identify(h, fd, "", &id))
			return;
	}
	inspect_directory(h, &id, ret);
	for (size_t level = 1; steps > 1; steps--, level++) {
		text_copy((struct span){ up, level * 3 - 1 }, path, sizeof(path));
		if (!identify(h, fd, path, &id))
			return;
		inspect_directory(h, &id, ret);
		if (level < LEVELS)
			continue;
		level = 0;
		fd = move_up(h, fd, path, &own);
		if (fd < 0)
			return;
	}
}

static void inspect_place(struct host_view *h, struct mount_info *ret)
{
	struct mount_place at;

	if (!mount_table_place(h->at, h->object.path, h->place, &at))
		return;
	mount_place_write(&at, ret->place, sizeof(ret->place));
	for (size_t i = 0; i < h->own.place_count; i++)
		ret->dsp_file = ret->dsp_file || mount_place_within(&at, &h->own.places[i]);
	for (size_t i = 0; i < h->sockets.place_count; i++)
		ret->socket = ret->socket || mount_place_within(&h->sockets.places[i], &at);
	for (size_t i = 0; i < h->containerd.place_count; i++)
		ret->socket = ret->socket || mount_place_within(&at, &h->containerd.places[i]);
}

static void inspect_object(struct host_view *h, struct mount_info *ret)
{
	struct identity id = identity_of(&h->object);
	mode_t mode = h->object.st.stx_mode;

	/* Anything but a regular file may be, or contain, the socket. */
	if (h->sockets_unknown && !S_ISREG(mode)) {
		ret->visible = false;
		ret->maybe_socket = true;
	}
	/* For a missing file, o->fd is its parent. */
	if (h->object.there) {
		ret->file_system = id.dev;
		ret->inode = id.ino;
		ret->socket = ret->socket || identities_has(&h->sockets.ids, &id) ||
			identities_has(&h->containerd.ids, &id);
		ret->device = ret->device || S_ISBLK(mode) || S_ISCHR(mode);
		ret->node = S_ISBLK(mode) ? 'b' : S_ISCHR(mode) ? 'c' : S_ISDIR(mode) ? 'd' : '\0';
		ret->major = major(id.node);
		ret->minor = minor(id.node);
		ret->dsp_file = ret->dsp_file || identities_has(&h->own.ids, &id);
	}
	inspect_above(h, ret);
	inspect_place(h, ret);
}

/* Nothing is there: that is seen. */
static bool is_missing(const struct host_object *o)
{
	return !o->there && o->base.n > 0 && !o->magic &&
		(o->error == ENOENT || o->error == ENOTDIR || o->error == ELOOP);
}

/*
 * Whether the texts of the mount that the object is on are known to be right for this request. A
 * table that lacks the mount is older than that.
 */
static bool is_proven(struct host_view *h)
{
	bool proven;

	if (h->renewed == 0 || h->object.fd < 0)
		return true;
	if (!h->at)
		return false;
	if (h->at->proven == h->renewed)
		return true;
	proven = mount_proof_texts(&h->mounts, h->at, NULL, &h->other);
	host_object_close(&h->other);
	h->at->proven = proven ? h->renewed : 0;
	return proven;
}

static void find_with_mount(struct host_view *h, const char *path)
{
	struct host_object *o = &h->object;

	host_object_find(o, path);
	h->at = o->fd >= 0 ? mount_table_of(&h->mounts, &o->st, o->path) : NULL;
}

/* Finds path, with a view of the host that is right for it. -1 and errno: the host is not known. */
static int find_source(struct host_view *h, const char *path)
{
	find_with_mount(h, path);
	if (!is_proven(h)) {
		if (read_again(h) != 0)
			return -1;
		find_with_mount(h, path);
	}
	record_error(h, h->object.error);
	return 0;
}

int host_view_inspect(struct host_view *h, const char *path, struct mount_info *ret)
{
	struct host_object *o = &h->object;
	bool process;

	if (find_source(h, path) != 0)
		return -1;
	process = mount_is_process(h->at, o->path);
	*ret = (struct mount_info){
		.visible = o->plain && !process,
		.socket = path_holds_socket(o->path) ||
			mount_table_shows_marked(&h->mounts, o->path),
		.dsp_file = path_is_dsp_file(o->path, h->own_paths),
		.device = path_within(o->path, SPAN("/dev")),
		.unknown = process ? !o->there : !o->plain && !is_missing(o),
		.holds_mounts = mount_table_holds(&h->mounts, o->path),
	};
	/* Inside a process's directory the real path would have dspd's own process id. */
	text_copy(process || o->magic ? span_of(path) : o->path, ret->path, sizeof(ret->path));
	/*
	 * What dsp may not see of a process, such as its root, leads anywhere; and so does what a
	 * process's own links mean to dockerd, whose working directory and descriptors are others.
	 */
	if (o->magic || (process && !o->there))
		ret->socket = ret->dsp_file = true;
	if (o->fd >= 0)
		inspect_object(h, ret);
	host_object_close(o);
	errno = h->error;
	return errno == 0 ? 0 : -1;
}

struct span host_view_mount_point(const struct host_view *h, struct span path)
{
	return mount_table_point(&h->mounts, path);
}
