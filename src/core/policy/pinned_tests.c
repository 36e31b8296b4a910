/* The test of pinned. */
#include "condition_tests.h"

static bool is_id(struct span hex)
{
	enum { ID = 64 };

	return hex.n == ID && text_is_hex(hex);
}

/* Of an import the request names the new image, which says nothing of its content. */
static bool is_pinned(const struct attribute *image, bool by_digest)
{
	struct span text = image->text;
	struct span digest = span_after(text, span_find(text, '@'));
	struct span name = text; /* of 64 hex digits: dockerd takes it for an id */

	if (image->whole || image->all_tags || image->power == POWER_IMAGE_IMPORT)
		return false;
	/* A pull takes it for the tag of a repository of this name. */
	if (span_starts(text, SPAN("sha256:")))
		return !span_equal(image->field, SPAN("fromImage")) &&
			is_id(span_after(text, strlen("sha256:")));
	if (digest.n > 0)
		return span_starts(digest, SPAN("@sha256:")) &&
			is_id(span_after(digest, strlen("@sha256:")));
	if (!span_ends(text, SPAN(":latest")))
		return !by_digest;
	name.n -= strlen(":latest");
	return image->maybe_id && span_starts(name, SPAN("docker.io/library/")) &&
		is_id(span_after(name, strlen("docker.io/library/")));
}

/* Every image of the request, those of mounts too. */
enum condition_state condition_test_pinned(const struct condition_case *c)
{
	const struct attributes *all = &c->facts->attributes;
	const struct image_list *list = c->bound->list;
	bool by_digest = list || span_equal(c->bound->words[0].text, SPAN("digest"));
	enum condition_state ret = CONDITION_MISSING;

	for (size_t i = 0; i < all->count; i++) {
		if (all->items[i].kind != ATTRIBUTE_IMAGE)
			continue;
		if (!is_pinned(&all->items[i], by_digest) ||
			(list && !image_list_has(list, all->items[i].text)))
			return CONDITION_BEYOND;
		ret = CONDITION_MET;
	}
	return ret;
}
