#include "mount_table.h"

#include <errno.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/facts/paths.h"
#include "dsp/system/proc_file.h"

static unsigned long parse_number(struct span word)
{
	char text[24];

	text_copy(word, text, sizeof(text));
	return strtoul(text, NULL, 10);
}

static bool is_octal(const char *s)
{
	return s[0] >= '0' && s[0] <= '3' && s[1] >= '0' && s[1] <= '7' && s[2] >= '0' &&
		s[2] <= '7';
}

/* Replaces "\040" by a space and so on, in place. */
static struct span unescape(char *text, size_t n)
{
	size_t to = 0;

	for (size_t at = 0; at < n; at++) {
		char c = text[at];

		if (c == '\\' && n - at > 3 && is_octal(text + at + 1)) {
			c = (char)((text[at + 1] - '0') << 6 | (text[at + 2] - '0') << 3 |
				(text[at + 3] - '0'));
			at += 3;
		}
		text[to++] = c;
	}
	return (struct span){ text, to };
}

/*
 * Whether each change of such a file system's names goes through this kernel, and through its own
 * inodes: not one of a network, of a program, of others below it (overlay), or of the kernel's.
 */
static bool is_local(struct span type)
{
	static const struct span types[] = { SPAN_INIT("ext2"), SPAN_INIT("ext3"),
		SPAN_INIT("ext4"), SPAN_INIT("xfs"), SPAN_INIT("btrfs"), SPAN_INIT("f2fs"),
		SPAN_INIT("tmpfs") };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (span_equal(type, types[i]))
			return true;
	}
	return false;
}

/* "36 35 98:0 /root /point options... - type source options" */
static bool parse_line(struct mount_table *m, struct span line, struct mount *ret)
{
	struct span device;
	struct span word;
	size_t colon;

	ret->id = parse_number(proc_file_word(&line));
	ret->parent = parse_number(proc_file_word(&line));
	device = proc_file_word(&line);
	colon = span_find(device, ':');
	if (colon == device.n)
		return false;
	ret->major = (unsigned)parse_number((struct span){ device.s, colon });
	ret->minor = (unsigned)parse_number(span_after(device, colon + 1));
	word = proc_file_word(&line);
	ret->root = unescape(m->text + (word.s - m->text), word.n);
	word = proc_file_word(&line);
	ret->point = unescape(m->text + (word.s - m->text), word.n);
	do
		word = proc_file_word(&line);
	while (word.n > 0 && !span_equal(word, SPAN("-")));
	word = proc_file_word(&line);
	ret->process = span_equal(word, SPAN("proc"));
	ret->local = is_local(word);
	ret->marked = false;
	return ret->root.n > 0 && ret->point.n > 0;
}

static int compare_ids(const void *left, const void *right)
{
	const struct mount *a = left;
	const struct mount *b = right;

	return a->id < b->id ? -1 : a->id > b->id;
}

/* A slash comes before all else, so that a directory's own come right after it. */
static int compare_paths(struct span a, struct span b)
{
	size_t n = a.n < b.n ? a.n : b.n;

	for (size_t i = 0; i < n; i++) {
		if (a.s[i] == b.s[i])
			continue;
		if (a.s[i] == '/' || b.s[i] == '/')
			return a.s[i] == '/' ? -1 : 1;
		return (unsigned char)a.s[i] < (unsigned char)b.s[i] ? -1 : 1;
	}
	return a.n < b.n ? -1 : a.n > b.n;
}

static int compare_points(const void *left, const void *right)
{
	const struct mount *const *a = left;
	const struct mount *const *b = right;

	return compare_paths((*a)->point, (*b)->point);
}

static int parse_table(struct mount_table *m, struct span text)
{
	size_t lines = 0;

	for (size_t i = 0; i < text.n; i++)
		lines += text.s[i] == '\n';
	m->items = mem_array(lines + 1, sizeof(*m->items));
	m->by_path = mem_array(lines + 1, sizeof(const struct mount *));
	if (!m->items || !m->by_path) {
		errno = ENOMEM;
		return -1;
	}
	while (text.n > 0 && m->count <= lines) {
		if (parse_line(m, proc_file_line(&text), &m->items[m->count]))
			m->count++;
	}
	if (m->count == 0)
		return 0;
	qsort(m->items, m->count, sizeof(*m->items), compare_ids);
	for (size_t i = 0; i < m->count; i++)
		m->by_path[i] = &m->items[i];
	qsort(m->by_path, m->count, sizeof(const struct mount *), compare_points);
	return 0;
}

int mount_table_read(int fd, struct mount_table *ret)
{
	size_t n;

	*ret = (struct mount_table){ .items = NULL };
	if (fd < 0)
		return 0;
	if (lseek(fd, 0, SEEK_SET) != 0 || proc_file_read_open(fd, &ret->text, &n) != 0)
		return -1;
	if (parse_table(ret, (struct span){ ret->text, n }) == 0)
		return 0;
	mount_table_free(ret);
	errno = ENOMEM;
	return -1;
}

bool mount_table_is_current(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLPRI };

	return fd >= 0 && poll(&p, 1, 0) == 0;
}

void mount_table_free(struct mount_table *m)
{
	mem_free(m->items);
	mem_free((void *)m->by_path);
	mem_free(m->text);
	*m = (struct mount_table){ .items = NULL };
}

static struct mount *find(const struct mount_table *m, uint64_t id)
{
	const struct mount key = { .id = id };

	if (m->count == 0)
		return NULL;
	return bsearch(&key, m->items, m->count, sizeof(key), compare_ids);
}

const struct mount *mount_table_find(const struct mount_table *m, uint64_t id)
{
	return find(m, id);
}

/* By its id, or before Linux 5.8 by the text of its path. */
struct mount *mount_table_of(struct mount_table *m, const struct statx *st, struct span path)
{
	struct mount *best = NULL;

	if (st->stx_mask & STATX_MNT_ID)
		return find(m, st->stx_mnt_id);
	for (size_t i = 0; i < m->count; i++) {
		struct mount *one = &m->items[i];

		if (path_within(path, one->point) && (!best || one->point.n >= best->point.n))
			best = one;
	}
	return best;
}

bool mount_table_place(
	struct mount *at, struct span path, char room[MOUNT_PLACE_ROOM], struct mount_place *ret)
{
	size_t n;

	if (!at || !path_within(path, at->point))
		return false;
	path = span_after(path, at->point.n > 1 ? at->point.n : 0);
	if (path.n == 1)
		path.n = 0;
	n = at->root.n > 1 ? at->root.n : 0;
	if (n + path.n > MOUNT_PLACE_ROOM)
		return false;
	memcpy(room, at->root.s, n);
	if (path.n > 0)
		memcpy(room + n, path.s, path.n);
	n += path.n;
	if (n == 0)
		room[n++] = '/';
	at->used = true;
	*ret = (struct mount_place){ at->major, at->minor, { room, n } };
	return true;
}

bool mount_place_within(const struct mount_place *a, const struct mount_place *b)
{
	return a->major == b->major && a->minor == b->minor && path_within(a->path, b->path);
}

void mount_place_write(const struct mount_place *place, char *out, size_t cap)
{
	struct line l;

	line_init(&l, out, cap);
	line_add(&l, "%u:%u", place->major, place->minor);
	if (place->path.n <= 1)
		return;
	if (l.n + place->path.n < cap)
		line_add_cut(&l, place->path);
	else
		out[0] = '\0';
}

void mount_table_mark(struct mount_table *m, const struct mount_place *place)
{
	for (size_t i = 0; i < m->count; i++) {
		struct mount *one = &m->items[i];
		struct mount_place all = { one->major, one->minor, one->root };

		if (mount_place_within(place, &all))
			one->marked = true;
	}
}

/* The first place in by_path whose point does not come before path. */
static size_t lower_bound(const struct mount_table *m, struct span path)
{
	size_t first = 0;
	size_t end = m->count;

	while (first < end) {
		size_t middle = first + (end - first) / 2;

		if (compare_paths(m->by_path[middle]->point, path) < 0)
			first = middle + 1;
		else
			end = middle;
	}
	return first;
}

bool mount_table_shows_marked(const struct mount_table *m, struct span path)
{
	size_t i = lower_bound(m, path);

	for (; i < m->count && path_within(m->by_path[i]->point, path); i++) {
		if (m->by_path[i]->marked)
			return true;
	}
	return false;
}

bool mount_table_holds(const struct mount_table *m, struct span path)
{
	size_t i = lower_bound(m, path);

	while (i < m->count && span_equal(m->by_path[i]->point, path))
		i++;
	return m->count == 0 || (i < m->count && path_within(m->by_path[i]->point, path));
}

bool mount_is_process(const struct mount *at, struct span path)
{
	if (!at || !at->process || !path_within(path, at->point))
		return false;
	path = span_after(path, at->point.n > 1 ? at->point.n : 0);
	return at->root.n > 1 || (path.n > 1 && path.s[1] >= '0' && path.s[1] <= '9');
}

struct span mount_table_point(const struct mount_table *m, struct span path)
{
	for (; path.n > 1; path.n--) {
		size_t i = lower_bound(m, path);

		if (i < m->count && span_equal(m->by_path[i]->point, path))
			return m->by_path[i]->point;
		while (path.n > 1 && path.s[path.n - 1] != '/')
			path.n--;
	}
	return (struct span){ NULL, 0 };
}
