#include "mount_table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

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

/* "36 35 98:0 /root /point options... - type source options" */
static bool parse_line(struct mount_table *m, struct span line, struct mount *ret)
{
	struct span device;
	struct span word;
	size_t colon;

	ret->id = parse_number(proc_file_word(&line));
	(void)proc_file_word(&line);
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
	ret->process = span_equal(proc_file_word(&line), SPAN("proc"));
	ret->marked = false;
	return ret->root.n > 0 && ret->point.n > 0;
}

int mount_table_read(int fd, struct mount_table *ret)
{
	struct span rest = { NULL, 0 };
	size_t lines = 0;

	*ret = (struct mount_table){ .items = NULL };
	if (fd < 0)
		return 0;
	if (proc_file_read_open(fd, &ret->text, &rest.n) != 0)
		return -1;
	rest.s = ret->text;
	for (size_t i = 0; i < rest.n; i++)
		lines += rest.s[i] == '\n';
	ret->items = mem_array(lines + 1, sizeof(*ret->items));
	if (!ret->items) {
		mount_table_free(ret);
		errno = ENOMEM;
		return -1;
	}
	while (rest.n > 0 && ret->count <= lines) {
		if (parse_line(ret, proc_file_line(&rest), &ret->items[ret->count]))
			ret->count++;
	}
	return 0;
}

void mount_table_free(struct mount_table *m)
{
	mem_free(m->items);
	mem_free(m->text);
	*m = (struct mount_table){ .items = NULL };
}

/* The mount of fd: by its id, or before Linux 5.8 by the text of its path. */
static const struct mount *find_mount(struct mount_table *m, int fd, struct span path)
{
	const struct mount *best = NULL;
	struct statx st;
	bool known;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &st) != 0) {
		if (m->error == 0)
			m->error = errno;
		return NULL;
	}
	known = (st.stx_mask & STATX_MNT_ID) != 0;
	for (size_t i = 0; i < m->count; i++) {
		const struct mount *one = &m->items[i];

		if (known && one->id == st.stx_mnt_id)
			return one;
		if (!known && path_within(path, one->point) &&
			(!best || one->point.n >= best->point.n))
			best = one;
	}
	return best;
}

bool mount_table_place(struct mount_table *m, int fd, struct span path, char room[MOUNT_PLACE_ROOM],
	struct mount_place *ret)
{
	const struct mount *at = find_mount(m, fd, path);
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

bool mount_table_shows_marked(const struct mount_table *m, struct span path)
{
	for (size_t i = 0; i < m->count; i++) {
		if (m->items[i].marked && path_within(m->items[i].point, path))
			return true;
	}
	return false;
}

bool mount_table_holds(const struct mount_table *m, struct span path)
{
	for (size_t i = 0; i < m->count; i++) {
		struct span point = m->items[i].point;

		if (point.n > path.n && path_within(point, path))
			return true;
	}
	return m->count == 0;
}

bool mount_table_is_process(struct mount_table *m, int fd, struct span path)
{
	const struct mount *at = find_mount(m, fd, path);

	if (!at || !at->process || !path_within(path, at->point))
		return false;
	path = span_after(path, at->point.n > 1 ? at->point.n : 0);
	return at->root.n > 1 || (path.n > 1 && path.s[1] >= '0' && path.s[1] <= '9');
}

struct span mount_table_point(const struct mount_table *m, struct span path)
{
	struct span best = { NULL, 0 };

	for (size_t i = 0; i < m->count; i++) {
		const struct mount *one = &m->items[i];

		if (one->point.n > 1 && one->point.n > best.n && path_within(path, one->point))
			best = one->point;
	}
	return best;
}
