/* Items of lists that name nothing, in a way that looks as if they did. */
#include <strings.h>

#include "dsp/core/base/text.h"
#include "dsp/core/facts/power_rules.h"
#include "review.h"

/* A mode of a container's network in other letters; NULL: the name is none. */
static const char *find_mode(struct span name)
{
	static const char *const modes[] = { "host", "none", "bridge", "default" };

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (name.n == strlen(modes[i]) && strncasecmp(name.s, modes[i], name.n) == 0 &&
			!span_equal(name, span_of(modes[i])))
			return modes[i];
	}
	return NULL;
}

/* What an item of a list is not, although it looks so; empty: nothing. */
static void write_oddity(enum list_kind k, struct span text, struct line *l)
{
	const char *mode = k == LIST_NETWORKS ? find_mode(text) : NULL;

	if (k == LIST_MOUNTS && text.n > 1 && span_find(text, '*') < text.n)
		line_add(l,
			"in a mount \"*\" is a letter; name a directory, with /** for all below");
	else if (mode)
		line_add(l, "it is another network than %s: write that in small letters", mode);
	else if (k == LIST_NETWORKS &&
		(span_starts(text, SPAN("container:")) || span_starts(text, SPAN("service:"))))
		line_add(l, "no network has this name; the power join_container means that");
	else if (k == LIST_CAPABILITIES && !span_equal(text, SPAN("ALL")) &&
		!power_rules_has_capability(text))
		line_add(l, "Linux has no such capability");
}

bool review_odd_item(const struct rule *rule, size_t n, struct line *l)
{
	static const enum list_kind kinds[] = { LIST_MOUNTS, LIST_NETWORKS, LIST_CAPABILITIES };

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		const struct list *list = &rule->lists[kinds[k]];

		for (size_t i = 0; i < list->count; i++) {
			char text[120];
			char shown[SHOWN * 2];
			struct line oddity;

			line_init(&oddity, text, sizeof(text));
			write_oddity(kinds[k], list->items[i].text, &oddity);
			if (oddity.n == 0 || n-- > 0)
				continue;
			text_escape(list->items[i].text, shown, sizeof(shown));
			line_add(l, "\"%s\" in its %s: %s", shown, list_name(kinds[k]), text);
			return true;
		}
	}
	return false;
}

void review_items(struct review *r, const struct rule *rule)
{
	char text[300];
	struct line l;

	line_init(&l, text, sizeof(text));
	for (size_t n = 0; review_odd_item(rule, n, &l); n++) {
		findings_warning(r->findings, rule->at, "%s", text);
		line_init(&l, text, sizeof(text));
	}
}
