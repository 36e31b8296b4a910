#include "dsp/core/facts/attributes.h"

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"

int attributes_add(struct attributes *d, const struct attribute *item)
{
	if (d->count == d->room) {
		size_t room = d->room > 0 ? 2 * d->room : 8;
		struct attribute *more = mem_resize(d->items, room * sizeof(*more));

		if (!more)
			return -1;
		d->items = more;
		d->room = room;
	}
	d->items[d->count++] = *item;
	return 0;
}

char *attributes_alloc(struct attributes *d, size_t n)
{
	return mem_list_alloc(&d->texts, n + 1);
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

void attributes_free(struct attributes *d)
{
	mem_list_free(&d->texts);
	mem_free(d->items);
	*d = (struct attributes){ .count = 0 };
}

/* Whether the text alone says what it is. */
static bool speaks_for_itself(enum attribute_kind kind)
{
	return kind == ATTRIBUTE_CAPABILITY || kind == ATTRIBUTE_IMAGE || kind == ATTRIBUTE_PORT ||
		kind == ATTRIBUTE_DEVICE || kind == ATTRIBUTE_SYSCTL;
}

/* As it is where that cannot be taken for more than it is; else in quotes. */
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

static void write_mount(const struct attribute *d, struct line *l)
{
	enum { PATH_SHOWN = 72 };

	write_shown(l, d->text, PATH_SHOWN);
	if (d->target.n > 0) {
		line_add(l, " -> ");
		write_shown(l, d->target, PATH_SHOWN);
	}
	line_add(l, d->read_only ? " (ro)" : " (rw)");
	if (d->mount_info && d->mount_info->path[0] &&
		!span_equal(d->text, span_of(d->mount_info->path))) {
		line_add(l, ", is ");
		write_shown(l, span_of(d->mount_info->path), PATH_SHOWN);
	}
	if (d->mount_info && !d->mount_info->visible)
		line_add(l,
			d->mount_info->path[0] ? ", not seen" : ", hidden from a managed plugin");
}

void attribute_write(const struct attribute *d, char *out, size_t cap)
{
	struct line l;

	line_init(&l, out, cap);
	if (d->kind == ATTRIBUTE_MOUNT) {
		write_mount(d, &l);
		return;
	}
	if (d->text.n == 0 || !speaks_for_itself(d->kind))
		line_add(&l, "%.*s%s", (int)d->field.n, d->field.s, d->text.n > 0 ? " " : "");
	if (d->text.n > 0 && cap - l.n >= 16)
		write_shown(&l, d->text, cap - l.n - sizeof("\"\""));
}
