#include "dsp/core/facts/attributes.h"

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"

struct details_text {
	struct details_text *next;
	char bytes[];
};

int details_add(struct details *d, const struct detail *item)
{
	if (d->count == d->room) {
		size_t room = d->room > 0 ? 2 * d->room : 8;
		struct detail *more = mem_resize(d->items, room * sizeof(*more));

		if (!more)
			return -1;
		d->items = more;
		d->room = room;
	}
	d->items[d->count++] = *item;
	return 0;
}

char *details_text(struct details *d, size_t n)
{
	struct details_text *text = mem_alloc(sizeof(*text) + n + 1);

	if (!text)
		return NULL;
	text->next = d->texts;
	d->texts = text;
	return text->bytes;
}

const char *detail_kind_name(enum detail_kind kind)
{
	static const char *const names[] = { [DETAIL_OPTION] = "option",
		[DETAIL_MOUNT] = "mount",
		[DETAIL_CAPABILITY] = "capability",
		[DETAIL_DEVICE] = "device",
		[DETAIL_IMAGE] = "image",
		[DETAIL_NAMESPACE] = "namespace",
		[DETAIL_NETWORK] = "network",
		[DETAIL_PORT] = "port",
		[DETAIL_RUNTIME] = "runtime",
		[DETAIL_SYSCTL] = "sysctl",
		[DETAIL_DRIVER] = "driver",
		[DETAIL_CONTAINER] = "container",
		[DETAIL_PATH] = "path",
		[DETAIL_USER] = "user",
		[DETAIL_COMMAND] = "command",
		[DETAIL_ENVIRONMENT] = "environment",
		[DETAIL_HEALTHCHECK] = "healthcheck" };

	return names[kind];
}

void details_free(struct details *d)
{
	while (d->texts) {
		struct details_text *next = d->texts->next;

		mem_free(d->texts);
		d->texts = next;
	}
	mem_free(d->items);
	*d = (struct details){ .count = 0 };
}

/* Whether the text alone says what it is. */
static bool speaks_for_itself(enum detail_kind kind)
{
	return kind == DETAIL_CAPABILITY || kind == DETAIL_IMAGE || kind == DETAIL_PORT ||
		kind == DETAIL_DEVICE || kind == DETAIL_SYSCTL;
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

static void write_mount(const struct detail *d, struct line *l)
{
	enum { PATH_SHOWN = 72 };

	write_shown(l, d->text, PATH_SHOWN);
	if (d->target.n > 0) {
		line_add(l, " -> ");
		write_shown(l, d->target, PATH_SHOWN);
	}
	line_add(l, d->read_only ? " (ro)" : " (rw)");
	if (d->sight && d->sight->path[0] && !span_equal(d->text, span_of(d->sight->path))) {
		line_add(l, ", is ");
		write_shown(l, span_of(d->sight->path), PATH_SHOWN);
	}
	if (d->sight && !d->sight->seen)
		line_add(l, d->sight->path[0] ? ", not seen" : ", hidden from a managed plugin");
}

void detail_write(const struct detail *d, char *out, size_t cap)
{
	struct line l;

	line_init(&l, out, cap);
	if (d->kind == DETAIL_MOUNT) {
		write_mount(d, &l);
		return;
	}
	if (d->text.n == 0 || !speaks_for_itself(d->kind))
		line_add(&l, "%.*s%s", (int)d->field.n, d->field.s, d->text.n > 0 ? " " : "");
	if (d->text.n > 0 && cap - l.n >= 16)
		write_shown(&l, d->text, cap - l.n - sizeof("\"\""));
}
