#include <errno.h>

#include "dsp/core/facts/facts.h"
#include "dsp/core/parse/body.h"

/* The labels of the body that are certain. -1: no memory. */
static int read_labels(struct facts *f, struct object_info *ret)
{
	json_ref map = body_get(f->body, "labels");
	struct object_label *labels;

	if (!map || map->count == 0)
		return 0;
	labels = (void *)attributes_alloc(&f->attributes, map->count * sizeof(*labels));
	if (!labels)
		return -1;
	for (json_ref m = json_value_first(map); m; m = json_value_next(map, m)) {
		if (m->kind == JSON_VALUE_STRING)
			labels[ret->label_count++] = (struct object_label){ m->key, m->text };
		else
			ret->labels_unsure = true;
	}
	ret->labels = labels;
	return 0;
}

/* The image that a create names; empty where it may be an id. */
static struct span image_of(const struct attributes *all)
{
	for (size_t i = 0; i < all->count; i++) {
		const struct attribute *d = &all->items[i];

		if (d->kind == ATTRIBUTE_IMAGE && span_equal(d->field, SPAN("Image")))
			return d->maybe_id ? (struct span){ NULL, 0 } : d->text;
	}
	return (struct span){ NULL, 0 };
}

/* The container that the request's path names; NULL: it was not looked up. */
static const struct object_info *target_of(const struct attributes *all)
{
	for (size_t i = 0; i < all->count; i++) {
		if (all->items[i].kind == ATTRIBUTE_CONTAINER && all->items[i].in_target &&
			!all->items[i].made)
			return all->items[i].object;
	}
	return NULL;
}

/* -1: no memory. */
static int describe(struct facts *f, struct attribute *made)
{
	bool rename = f->route->operation == OP_CONTAINER_RENAME;
	const struct object_info *target = rename ? target_of(&f->attributes) : NULL;
	struct object_info *info;

	if (rename && !target)
		return 0;
	info = (void *)attributes_alloc(&f->attributes, sizeof(*info));
	if (!info)
		return -1;
	*info = rename ? *target : (struct object_info){ .state = OBJECT_MADE };
	info->name = made->text;
	made->object = info;
	if (rename)
		return 0;
	if (made->kind == ATTRIBUTE_CONTAINER)
		info->image = image_of(&f->attributes);
	/* Its image's labels; and that of an anonymous volume (moby volume/service). */
	info->labels_unsure = made->kind == ATTRIBUTE_CONTAINER ||
		(made->kind == ATTRIBUTE_VOLUME && made->text.n == 0);
	return read_labels(f, info);
}

int facts_describe_made(struct facts *f, struct err *e)
{
	for (size_t i = 0; i < f->attributes.count; i++) {
		struct attribute *d = &f->attributes.items[i];

		if (d->made && !d->object && describe(f, d) != 0)
			return FAIL(e, ENOMEM, "what a request makes");
	}
	return 0;
}
