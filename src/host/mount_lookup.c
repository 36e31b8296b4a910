#include "dsp/host/mount_lookup.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/facts/paths.h"
#include "dsp/system/kernel.h"
#include "host_view.h"

struct source {
	struct mount_info mount_info;
	struct span text;
	struct span clean;
	char room[]; /* "/" and text, terminated; clean, terminated */
};

struct mount_lookup {
	unsigned owners;
	struct lookup_place own;
	struct lookup_place *place; /* own, or shared; its source is the one inspected */
	pid_t docker;
	bool all_mounts;
	bool complete;
	int error;       /* why it is not */
	size_t error_at; /* the source */
	size_t found;    /* how many sources were inspected */
	struct host_tables tables;
	struct span own_paths;
	size_t count;
	struct source *sources[LOOKUP_SOURCES_MOST];
	struct source *sorted[LOOKUP_SOURCES_MOST]; /* the same, by text */
};

struct mount_lookup *mount_lookup_new(struct span own_paths, pid_t docker)
{
	struct mount_lookup *l = mem_array(1, sizeof(*l));
	char *dir = mem_copy(own_paths.s, own_paths.n);

	if (!l || !dir) {
		mem_free(l);
		mem_free(dir);
		return NULL;
	}
	l->owners = 1;
	atomic_init(&l->own.at, 0);
	l->place = &l->own;
	l->docker = docker;
	l->tables.mounts = -1;
	l->own_paths = (struct span){ dir, own_paths.n };
	return l;
}

void mount_lookup_hold(struct mount_lookup *l)
{
	l->owners++;
}

void mount_lookup_release(struct mount_lookup *l)
{
	if (!l || --l->owners > 0)
		return;
	for (size_t i = 0; i < l->count; i++)
		mem_free(l->sources[i]);
	host_tables_free(&l->tables);
	mem_free((void *)(uintptr_t)l->own_paths.s);
	mem_free(l);
}

void mount_lookup_set_all_mounts(struct mount_lookup *l)
{
	l->all_mounts = true;
}

bool mount_lookup_all_mounts(const struct mount_lookup *l)
{
	return l->all_mounts;
}

/* --- the sources -------------------------------------------------------------------------------*/

/* Any total order will do: the search is binary, whatever texts a client chooses. */
static int compare(struct span a, struct span b)
{
	if (a.n != b.n)
		return a.n < b.n ? -1 : 1;
	return a.n > 0 ? memcmp(a.s, b.s, a.n) : 0;
}

/* The index in l->sorted where the source is, or would be inserted. */
static size_t position_of(const struct mount_lookup *l, struct span text, bool *there)
{
	size_t first = 0;
	size_t end = l->count;

	*there = false;
	while (first < end) {
		size_t middle = first + (end - first) / 2;
		int order = compare(l->sorted[middle]->text, text);

		if (order == 0) {
			*there = true;
			return middle;
		}
		if (order < 0)
			first = middle + 1;
		else
			end = middle;
	}
	return first;
}

static struct source *source_new(struct span text)
{
	struct source *s = mem_alloc(sizeof(*s) + 2 * (text.n + 2));
	char *clean;

	if (!s)
		return NULL;
	s->mount_info = (struct mount_info){ .visible = false };
	s->room[0] = '/';
	if (text.n > 0)
		memcpy(s->room + 1, text.s, text.n);
	s->room[text.n + 1] = '\0';
	s->text = (struct span){ s->room + 1, text.n };
	clean = s->room + text.n + 2;
	s->clean = (struct span){ clean, path_clean(s->text, clean) };
	clean[s->clean.n] = '\0';
	return s;
}

int mount_lookup_add(struct mount_lookup *l, struct span source, struct err *e)
{
	bool there;
	size_t place = position_of(l, source, &there);
	struct source *s;

	if (there)
		return 0;
	if (l->count == LOOKUP_SOURCES_MOST)
		return FAIL(e, 0, "it has more than %d mount sources", LOOKUP_SOURCES_MOST);
	s = source_new(source);
	if (!s)
		return FAIL(e, ENOMEM, "a mount source");
	for (size_t i = l->count; i > place; i--)
		l->sorted[i] = l->sorted[i - 1];
	l->sorted[place] = s;
	l->sources[l->count++] = s;
	return 0;
}

const struct mount_info *mount_lookup_find(const struct mount_lookup *l, struct span source)
{
	bool there;
	size_t place = position_of(l, source, &there);

	return l->complete && there ? &l->sorted[place]->mount_info : NULL;
}

static void set_unreadable(struct facts *facts, const struct err *why, const char *advice)
{
	facts->reading = READING_UNREADABLE;
	facts->doubt = *why;
	facts->advice = advice;
}

/* Adds the paths of rules, which facts gets too. -1 and e: too many (code 0), or no memory. */
static int add_rule_paths(
	struct mount_lookup *l, struct facts *facts, struct span_list paths, struct err *e)
{
	struct rule_path *room;
	void *memory;

	if (paths.count == 0)
		return 0;
	memory = attributes_alloc(&facts->attributes, paths.count * sizeof(*room));
	room = memory;
	if (!room)
		return FAIL(e, ENOMEM, "a request's mounts");
	for (size_t i = 0; i < paths.count; i++) {
		room[i] = (struct rule_path){ .text = paths.items[i] };
		if (mount_lookup_add(l, paths.items[i], e) != 0)
			return -1;
	}
	facts->rule_paths = room;
	facts->rule_path_count = paths.count;
	return 0;
}

/* Whether a request names what rules compare with the host, besides the sources of its mounts. */
static bool compares(const struct facts *facts, size_t paths, unsigned kinds)
{
	for (size_t i = 0; i < facts->attributes.count; i++) {
		const struct attribute *d = &facts->attributes.items[i];

		if (d->mounted && (kinds >> ATTRIBUTE_MOUNT & 1))
			return true;
		if (!(kinds >> d->kind & 1))
			continue;
		if (d->maybe_swarm || (d->kind == ATTRIBUTE_DEVICE && paths > 0))
			return true;
	}
	return false;
}

/* Adds dockerd's own paths, where rules compare names with them. -1 and e, as add_rule_paths. */
static int add_docker_paths(
	struct mount_lookup *l, const struct facts *facts, unsigned kinds, struct err *e)
{
	const unsigned named = 1u << ATTRIBUTE_VOLUME | 1u << ATTRIBUTE_NETWORK;

	for (size_t i = 0; i < DOCKER_PATHS && (kinds & named); i++) {
		if (mount_lookup_add(l, facts->docker_paths[i].text, e) != 0)
			return -1;
	}
	return 0;
}

/*
 * Adds for each volume that is mounted by its name the file in which dockerd keeps its options:
 * there is one where the volume was made with any, and may be a path of the host. -1 and e, as
 * add_rule_paths.
 */
static int add_volumes(struct mount_lookup *l, struct facts *facts, unsigned kinds, struct err *e)
{
	static const struct span file = SPAN_INIT("/opts.json");
	struct span dir = facts->docker_paths[DOCKER_VOLUMES].text;

	for (size_t i = 0; i < facts->attributes.count && (kinds >> ATTRIBUTE_MOUNT & 1); i++) {
		struct attribute *d = &facts->attributes.items[i];
		char *text;

		/* dockerd has no volume of such a name. */
		if (!d->mounted || d->whole || span_find(d->text, '/') < d->text.n)
			continue;
		text = attributes_alloc(&facts->attributes, dir.n + 1 + d->text.n + file.n);
		if (!text)
			return FAIL(e, ENOMEM, "a request's mounts");
		d->clean = (struct span){ text, dir.n + 1 + d->text.n + file.n };
		memcpy(text, dir.s, dir.n);
		text[dir.n] = '/';
		memcpy(text + dir.n + 1, d->text.s, d->text.n);
		memcpy(text + dir.n + 1 + d->text.n, file.s, file.n);
		if (mount_lookup_add(l, d->clean, e) != 0)
			return -1;
	}
	return 0;
}

/* Adds the sources of facts. -1 and e: no memory. */
static int add_sources(struct mount_lookup *l, struct facts *facts, bool devices, struct err *e)
{
	const struct attributes *all = &facts->attributes;
	size_t mounts = 0;

	for (size_t i = 0; i < all->count && facts->reading == READING_EXACT; i++) {
		bool device = all->items[i].kind == ATTRIBUTE_DEVICE;

		if (!attribute_is_source(&all->items[i]) || (device && !devices))
			continue;
		if (!device && ++mounts > LOOKUP_MOUNTS_MOST) {
			err_set(e, 0, "it has more than %d mounts", LOOKUP_MOUNTS_MOST);
			set_unreadable(facts, e, "ask for fewer");
			break;
		}
		if (mount_lookup_add(l, all->items[i].text, e) == 0)
			continue;
		if (e->code != 0)
			return -1;
		set_unreadable(facts, e, "ask for fewer");
	}
	return 0;
}

static bool has_source(const struct facts *facts, bool devices)
{
	for (size_t i = 0; i < facts->attributes.count; i++) {
		const struct attribute *d = &facts->attributes.items[i];

		if (attribute_is_source(d) && (devices || d->kind != ATTRIBUTE_DEVICE))
			return true;
	}
	return false;
}

/* Linux 5.12 has mount_setattr, with which a mount becomes read-only with all below. */
static bool kernel_reaches_below(void)
{
	return kernel_is_at_least(5, 12);
}

/* Whether a mount may be read-only without what is mounted below it (attribute_only_reads). */
static bool asks_below(const struct facts *facts)
{
	for (size_t i = 0; i < facts->attributes.count; i++) {
		const struct attribute *d = &facts->attributes.items[i];

		if (attribute_is_source(d) && d->read_only && d->depth != DEPTH_WHOLE &&
			(d->depth != DEPTH_BY_KERNEL || !kernel_reaches_below()))
			return true;
	}
	return false;
}

int mount_lookup_collect(struct facts *facts, const struct lookup_scope *scope,
	struct mount_lookup **ret, struct err *e)
{
	unsigned kinds = scope->kinds;
	bool devices = kinds >> ATTRIBUTE_DEVICE & 1;

	if (facts->reading != READING_EXACT ||
		(!has_source(facts, devices) && !compares(facts, scope->paths.count, kinds)))
		return 0;
	*ret = mount_lookup_new(scope->own_paths, scope->docker);
	if (!*ret)
		return FAIL(e, ENOMEM, "a request's mounts");
	(*ret)->all_mounts = (kinds & COMPARES_READ_ONLY) != 0 && asks_below(facts);
	if (add_sources(*ret, facts, devices, e) != 0)
		return -1;
	if (facts->reading != READING_EXACT ||
		(add_rule_paths(*ret, facts, scope->paths, e) == 0 &&
			add_docker_paths(*ret, facts, kinds, e) == 0 &&
			add_volumes(*ret, facts, kinds, e) == 0))
		return 0;
	if (e->code != 0)
		return -1;
	set_unreadable(facts, e, "name fewer paths in deny rules");
	return 0;
}

void mount_lookup_attach(const struct mount_lookup *l, struct facts *facts)
{
	struct attributes *all = &facts->attributes;
	struct span source = l->count > 0 ? l->sources[l->error_at]->text : SPAN("");
	char text[64];
	struct err e;

	if (!l->complete) {
		text_escape(source, text, sizeof(text));
		/* Of the stream from the process that looks up. */
		if (l->error == EPIPE)
			err_set(&e, 0,
				"dsp could not look up its mount source \"%s\": the look-up "
				"process has ended",
				text);
		else
			err_set(&e, l->error, "dsp could not look up its mount source \"%s\"",
				text);
		set_unreadable(facts, &e, "try again, or mount something else");
		return;
	}

	for (size_t i = 0; i < all->count; i++) {
		struct attribute *item = &all->items[i];

		if (item->mounted)
			item->mount_info = mount_lookup_find(l, item->clean);
		if (!attribute_is_source(item))
			continue;
		item->mount_info = mount_lookup_find(l, item->text);
		if (item->depth == DEPTH_BY_KERNEL)
			item->depth = kernel_reaches_below() ? DEPTH_WHOLE : DEPTH_TOP;
	}
	for (size_t i = 0; i < facts->rule_path_count; i++)
		facts->rule_paths[i].info = mount_lookup_find(l, facts->rule_paths[i].text);
	for (size_t i = 0; i < DOCKER_PATHS; i++)
		facts->docker_paths[i].info = mount_lookup_find(l, facts->docker_paths[i].text);
}

/* --- looking -----------------------------------------------------------------------------------*/

/* "/proc/self/root/x" is "/x": dockerd's root is the host's, as is dsp's. */
static const char *without_own_root(const char *path)
{
	static const char *const roots[] = { "/proc/self/root", "/proc/thread-self/root" };
	size_t i = 0;

	while (i < sizeof(roots) / sizeof(roots[0])) {
		size_t n = strlen(roots[i]);

		if (strncmp(path, roots[i], n) == 0 && (path[n] == '/' || path[n] == '\0')) {
			path = path[n] ? path + n : "/";
			i = 0;
		} else {
			i++;
		}
	}
	return path;
}

/* Makes ret what is known of a source that is either of two. */
static void add_mount_info(struct mount_info *ret, const struct mount_info *raw)
{
	bool same = strcmp(ret->path, raw->path) == 0;

	/* A path that was cut equals others with the same beginning. */
	ret->visible = ret->visible && raw->visible && same &&
		strlen(raw->path) < sizeof(raw->path) - 1;
	ret->socket = ret->socket || raw->socket;
	ret->dsp_file = ret->dsp_file || raw->dsp_file;
	ret->device = ret->device || raw->device;
	ret->unknown = ret->unknown || raw->unknown || !same;
	ret->maybe_socket = ret->maybe_socket || raw->maybe_socket;
	ret->holds_mounts = ret->holds_mounts || raw->holds_mounts;
	memcpy(ret->path, raw->path, sizeof(raw->path));
	memcpy(ret->place, raw->place, sizeof(raw->place));
}

/*
 * dockerd cleans most sources as text, and passes others to the kernel as they are. The two differ
 * where ".." follows a link: then the results of both count, and the source is not seen. -1 and
 * errno: a system call failed.
 */
static int inspect_source(struct host_view *h, struct source *s)
{
	const char *clean = without_own_root(s->clean.s);
	const char *text = without_own_root(s->room + (s->text.n > 0 && s->text.s[0] == '/'));
	struct mount_info raw;

	if (host_view_inspect(h, clean, &s->mount_info) != 0)
		return -1;
	if (path_goes_up(s->text)) {
		if (host_view_inspect(h, text, &raw) != 0)
			return -1;
		add_mount_info(&s->mount_info, &raw);
	}
	if (clean != s->clean.s)
		s->mount_info.visible = false;
	/* A relative source starts at dockerd's directory; what follows a NUL is lost here. */
	if (s->text.n == 0 || s->text.s[0] != '/' || span_find(s->text, '\0') < s->text.n) {
		s->mount_info.visible = false;
		s->mount_info.unknown = true;
	}
	return 0;
}

void mount_lookup_run(struct mount_lookup *l)
{
	int code = host_tables_read(l->docker, &l->tables) == 0 ? 0 : errno;

	if (code == 0)
		code = mount_lookup_inspect(l, &l->tables, NULL, NULL, NULL);
	host_tables_free(&l->tables);
	mount_lookup_end(l, code);
}

/* Says that the source is inspected next. A part of a mount point would be another one. */
static void begin_source(struct mount_lookup *l, size_t i, struct span mount)
{
	struct lookup_place *p = l->place;
	struct span none = { NULL, 0 };

	atomic_store(&p->at, 0);
	text_copy(mount.n < sizeof(p->mount) ? mount : none, p->mount, sizeof(p->mount));
	atomic_store(&p->at, (unsigned)i + 1);
}

/* Inspects the sources with a view of the host. Returns 0, or an errno value. */
static int inspect_all(struct mount_lookup *l, struct host_view *host,
	int (*report)(void *ctx, size_t index, const struct mount_info *found), void *ctx)
{
	for (size_t i = 0; i < l->count; i++) {
		struct source *s = l->sources[i];

		begin_source(l, i, host_view_mount_point(host, s->clean));
		if (inspect_source(host, s) != 0)
			return errno;
		l->found = i + 1;
		if (report && report(ctx, i, &s->mount_info) != 0)
			return errno;
	}
	return 0;
}

int mount_lookup_inspect(struct mount_lookup *l, const struct host_tables *tables,
	struct host_view **kept,
	int (*report)(void *ctx, size_t index, const struct mount_info *found), void *ctx)
{
	struct host_view *host;
	int code;

	if (kept) {
		if (host_view_renew(kept, l->own_paths, l->docker, tables, l->all_mounts) != 0)
			return errno;
		return inspect_all(l, *kept, report, ctx);
	}
	host = host_view_read(l->own_paths, l->docker, tables);
	if (!host)
		return errno;
	code = inspect_all(l, host, report, ctx);
	host_view_free(host);
	return code;
}

/*
 * The source that is inspected, from 1, and the mount point above it. 0: none, or another one by
 * now, or what a process that is not trusted made of it.
 */
static size_t read_place(const struct mount_lookup *l, char mount[sizeof(l->own.mount)])
{
	const struct lookup_place *p = l->place;
	size_t at = atomic_load(&p->at);

	memcpy(mount, p->mount, sizeof(p->mount));
	mount[sizeof(p->mount) - 1] = '\0';
	return at <= l->count && at == atomic_load(&p->at) ? at : 0;
}

void mount_lookup_share(struct mount_lookup *l, struct lookup_place *place)
{
	if (!place)
		atomic_store(&l->own.at, (unsigned)read_place(l, l->own.mount));
	l->place = place ? place : &l->own;
}

int mount_lookup_enter(struct mount_lookup *l, size_t index, const struct mount_info *found)
{
	if (index >= l->count || index != l->found)
		return EPROTO;
	l->sources[index]->mount_info = *found;
	l->found++;
	return 0;
}

void mount_lookup_end(struct mount_lookup *l, int code)
{
	size_t at = atomic_exchange(&l->own.at, 0);

	if (code == 0 && l->found != l->count)
		code = EPROTO;
	l->error = code;
	l->error_at = at > 0 ? at - 1 : 0;
	l->complete = code == 0;
}

/* --- for another process -----------------------------------------------------------------------*/

struct span mount_lookup_own_paths(const struct mount_lookup *l)
{
	return l->own_paths;
}

pid_t mount_lookup_docker(const struct mount_lookup *l)
{
	return l->docker;
}

size_t mount_lookup_count(const struct mount_lookup *l)
{
	return l->count;
}

struct span mount_lookup_source(const struct mount_lookup *l, size_t i)
{
	return l->sources[i]->text;
}

struct lookup_position mount_lookup_position(const struct mount_lookup *l)
{
	struct lookup_position ret = { .source = { NULL, 0 } };
	size_t at = read_place(l, ret.mount);

	if (at > 0) {
		ret.source = l->sources[at - 1]->text;
		ret.clean = l->sources[at - 1]->clean;
	}
	return ret;
}

struct span mount_lookup_same_mount(const struct mount_lookup *l, const struct lookup_position *at)
{
	struct span mount = span_of(at->mount);

	for (size_t i = 0; i < l->count && at->source.n > 0; i++) {
		const struct source *s = l->sources[i];

		if (span_equal(s->clean, at->clean) ||
			(mount.n > 0 && path_within(s->clean, mount)))
			return s->text;
	}
	return (struct span){ NULL, 0 };
}

struct span mount_lookup_first(const struct mount_lookup *l)
{
	return l->count > 0 ? l->sources[0]->text : (struct span){ NULL, 0 };
}
