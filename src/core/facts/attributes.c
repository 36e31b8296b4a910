#include "dsp/core/facts/attributes.h"

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"

/* So many need less than 1032 bytes, which glibc's malloc has at hand. */
enum { FEW = 7 };

int attributes_add(struct attributes *a, const struct attribute *item)
{
	if (a->count == a->room) {
		size_t room = a->room > 0 ? 2 * a->room : FEW;
		struct attribute *more = mem_resize(a->items, room * sizeof(*more));

		if (!more)
			return -1;
		a->items = more;
		a->room = room;
	}
	a->items[a->count++] = *item;
	return 0;
}

char *attributes_alloc(struct attributes *a, size_t n)
{
	return mem_list_alloc(&a->texts, n + 1);
}

const char *attribute_kind_name(enum attribute_kind kind)
{
	static const char *const names[] = { [ATTRIBUTE_OPTION] = "option",
		[ATTRIBUTE_MOUNT] = "mount",
		[ATTRIBUTE_CAPABILITY] = "capability",
		[ATTRIBUTE_DEVICE] = "device",
		[ATTRIBUTE_IMAGE] = "image",
		[ATTRIBUTE_NAMESPACE] = "namespace",
		[ATTRIBUTE_NETWORK] = "network",
		[ATTRIBUTE_VOLUME] = "volume",
		[ATTRIBUTE_PORT] = "port",
		[ATTRIBUTE_RUNTIME] = "runtime",
		[ATTRIBUTE_SYSCTL] = "sysctl",
		[ATTRIBUTE_DRIVER] = "driver",
		[ATTRIBUTE_CONTAINER] = "container",
		[ATTRIBUTE_PATH] = "path",
		[ATTRIBUTE_USER] = "user",
		[ATTRIBUTE_COMMAND] = "command",
		[ATTRIBUTE_ENVIRONMENT] = "environment",
		[ATTRIBUTE_HEALTHCHECK] = "healthcheck" };

	return names[kind];
}

void attributes_free(struct attributes *a)
{
	mem_list_free(&a->texts);
	mem_free(a->items);
	*a = (struct attributes){ .count = 0 };
}

bool attribute_only_reads(const struct attribute *a)
{
	const struct mount_info *info = a->mount_info;

	return a->read_only &&
		(a->depth == DEPTH_WHOLE || (info && info->visible && !info->holds_mounts));
}

/* Whether the text needs no field's name before it. */
static bool is_clear_alone(enum attribute_kind kind)
{
	return kind == ATTRIBUTE_CAPABILITY || kind == ATTRIBUTE_IMAGE || kind == ATTRIBUTE_PORT ||
		kind == ATTRIBUTE_DEVICE || kind == ATTRIBUTE_SYSCTL;
}

/* Writes text in quotes when it holds more than the bytes of usual names and paths. */
static void write_shown(struct line *l, struct span text, size_t most)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_./:@=+,-%~*[]{}#&!?";
	char shown[256];
	bool quote = false;

	for (size_t i = 0; i < text.n; i++)
		quote = quote || text.s[i] == '\0' || !strchr(plain, text.s[i]);
	text_escape(text, shown, most < sizeof(shown) ? most : sizeof(shown));
	line_add(l, quote ? "\"%s\"" : "%s", shown);
}

static void write_mount(const struct attribute *a, struct line *l)
{
	enum { PATH_SHOWN = 72 };

	write_shown(l, a->text, PATH_SHOWN);
	if (a->target.n > 0) {
		line_add(l, " -> ");
		write_shown(l, a->target, PATH_SHOWN);
	}
	line_add(l, a->read_only ? " (ro)" : " (rw)");
	if (a->anywhere) {
		line_add(l, ", may be any path");
		return;
	}
	if (a->read_only && a->mount_info && a->mount_info->visible && !attribute_only_reads(a))
		line_add(l, ", writable where something is mounted below");
	if (a->mount_info && a->mount_info->path[0] &&
		!span_equal(a->text, span_of(a->mount_info->path))) {
		line_add(l, ", is ");
		write_shown(l, span_of(a->mount_info->path), PATH_SHOWN);
	}
	if (a->mount_info && !a->mount_info->visible)
		line_add(l,
			a->mount_info->path[0] ? ", not seen" : ", hidden from a managed plugin");
}

void attribute_write(const struct attribute *a, char *out, size_t cap)
{
	struct line l;

	line_init(&l, out, cap);
	if (a->whole && (a->text.n == 0 || span_equal(a->text, SPAN("*")))) {
		line_add(&l, a->listing ? "a list of all %ss" : "any %s",
			attribute_kind_name(a->kind));
		return;
	}
	if (a->made && a->text.n == 0) {
		line_add(&l, "%s without a name", attribute_kind_name(a->kind));
		return;
	}
	if (a->kind == ATTRIBUTE_MOUNT) {
		write_mount(a, &l);
		return;
	}
	if (a->text.n == 0 || !is_clear_alone(a->kind))
		line_add(&l, "%.*s%s", (int)a->field.n, a->field.s, a->text.n > 0 ? " " : "");
	if (a->text.n > 0 && cap - l.n >= 16)
		write_shown(&l, a->text, cap - l.n - sizeof("\"\""));
	if (a->implied)
		line_add(&l, " (default)");
}
