#include "dsp/core/policy/image_list.h"

#include <errno.h>
#include <stdlib.h>

#include "dsp/core/base/text.h"
#include "dsp/core/parse/reference.h"

struct image_list *image_lists_add(struct image_lists *lists, struct span path, size_t at)
{
	struct image_list *list;

	for (size_t i = 0; i < lists->count; i++) {
		if (span_equal(span_of(lists->items[i].path), path))
			return &lists->items[i];
	}
	if (lists->count == IMAGE_LISTS_MOST || path.n >= IMAGE_LIST_PATH)
		return NULL;
	list = &lists->items[lists->count++];
	text_copy(path, list->path, sizeof(list->path));
	list->at = at;
	return list;
}

/* Splits a canonical reference. False: it has no digest of SHA-256. */
static bool split(struct span image, struct listed_image *ret)
{
	enum { HEX = 64 };
	size_t last = 0;

	ret->name = (struct span){ image.s, span_find(image, '@') };
	ret->digest = span_after(image, ret->name.n + (ret->name.n < image.n));
	for (size_t i = 0; i < ret->name.n; i++) {
		if (ret->name.s[i] == '/')
			last = i;
	}
	ret->name.n = last + span_find(span_after(ret->name, last), ':');
	return ret->name.n > 0 && ret->digest.n == strlen("sha256:") + HEX &&
		span_starts(ret->digest, SPAN("sha256:")) &&
		text_is_hex(span_after(ret->digest, strlen("sha256:")));
}

/* By digest first: they are all of one length. */
static int compare(const void *left, const void *right)
{
	const struct listed_image *a = left;
	const struct listed_image *b = right;
	int order = memcmp(a->digest.s, b->digest.s, a->digest.n);

	if (order == 0 && a->name.n != b->name.n)
		order = a->name.n < b->name.n ? -1 : 1;
	return order != 0 ? order : memcmp(a->name.s, b->name.s, a->name.n);
}

static bool is_name(struct span name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.s[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    (c != '\0' && strchr("._-:/@", c))))
			return false;
	}
	return name.n > 0 && name.s[0] != '@' && name.s[0] != ':';
}

/* Parses what a line has, without blanks around it. */
static int parse_image(
	struct span text, struct mem_list *memory, struct listed_image *ret, struct err *e)
{
	const struct span none = { NULL, 0 };
	char *canonical = mem_list_alloc(memory, reference_canonical_most(text, none));

	if (!canonical)
		return FAIL(e, ENOMEM, "a list of images");
	if (!is_name(text) || span_find(text, '@') == text.n ||
		!split((struct span){ canonical, reference_canonical(text, none, canonical) }, ret))
		return FAIL(e, 0, "write an image as NAME@sha256: and 64 of 0-9 a-f");
	return 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

int image_list_parse(
	struct span text, struct mem_list *memory, struct image_list *ret, struct err *e)
{
	size_t lines = 1;
	struct err why;

	for (size_t i = 0; i < text.n; i++)
		lines += text.s[i] == '\n';
	ret->count = 0;
	ret->images = mem_list_alloc(memory, lines * sizeof(*ret->images));
	if (!ret->images)
		return FAIL(e, ENOMEM, "a list of images");
	for (size_t number = 1; text.n > 0; number++) {
		struct span line = span_cut(&text, '\n');
		size_t column = 0;

		line.n = span_find(line, '#');
		while (column < line.n && is_blank(line.s[column]))
			column++;
		line = span_after(line, column);
		while (line.n > 0 && is_blank(line.s[line.n - 1]))
			line.n--;
		if (line.n == 0)
			continue;
		if (parse_image(line, memory, &ret->images[ret->count], &why) != 0) {
			ret->count = 0;
			return FAIL(e, why.code, "%zu:%zu: %s", number, column + 1, why.text);
		}
		ret->count++;
	}
	if (ret->count == 0)
		return FAIL(e, 0, "it lists no image");
	qsort(ret->images, ret->count, sizeof(*ret->images), compare);
	return 0;
}

bool image_list_has(const struct image_list *list, struct span image)
{
	struct listed_image key;

	return list->count > 0 && split(image, &key) &&
		bsearch(&key, list->images, list->count, sizeof(key), compare) != NULL;
}
