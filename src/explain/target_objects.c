#include "dsp/explain/target_objects.h"

#include <errno.h>
#include <jansson.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/mem_list.h"
#include "dsp/core/base/nearest.h"
#include "dsp/core/base/text.h"
#include "dsp/core/parse/reference.h"

struct target_object {
	enum attribute_kind kind;
	struct span ref; /* empty: any */
	struct object_info info;
};

struct target_objects {
	struct mem_list memory;
	json_t *json; /* holds the texts */
	size_t count;
	struct target_object *items;
};

static const enum attribute_kind kinds[] = { ATTRIBUTE_CONTAINER, ATTRIBUTE_NETWORK,
	ATTRIBUTE_VOLUME };

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* --- parsing -----------------------------------------------------------------------------------*/

/* The text of a member; empty: it is not there. -1 and e: it is no string. */
static int read_text(const json_t *o, const char *key, struct span *ret, struct err *e)
{
	const json_t *v = json_object_get(o, key);

	*ret = (struct span){ "", 0 };
	if (v && !json_is_string(v) && !json_is_null(v))
		return FAIL(e, 0, "%s must be a string", key);
	if (json_is_string(v))
		*ret = (struct span){ json_string_value(v), json_string_length(v) };
	return 0;
}

static int read_kind(const json_t *o, enum attribute_kind *ret, struct err *e)
{
	struct span kind;

	*ret = ATTRIBUTE_CONTAINER;
	if (read_text(o, "kind", &kind, e) != 0)
		return -1;
	for (size_t i = 0; i < KINDS; i++) {
		if (kind.n == 0 || span_equal(kind, span_of(attribute_kind_name(kinds[i])))) {
			*ret = kinds[i];
			return 0;
		}
	}
	return FAIL(e, 0, "kind must be container, network or volume");
}

static int read_labels(
	struct target_objects *t, json_t *labels, struct object_info *ret, struct err *e)
{
	struct object_label *items;
	const char *key;
	const json_t *v;

	if (!labels)
		return 0;
	if (!json_is_object(labels))
		return FAIL(e, 0, "labels must be an object of strings");
	items = mem_list_alloc(&t->memory, (json_object_size(labels) + 1) * sizeof(*items));
	if (!items)
		return FAIL(e, ENOMEM, "no memory");
	ret->labels = items;
	json_object_foreach (labels, key, v) {
		if (!json_is_string(v))
			return FAIL(e, 0, "labels must be an object of strings");
		items[ret->label_count++] = (struct object_label){ span_of(key),
			{ json_string_value(v), json_string_length(v) } };
	}
	return 0;
}

/* As dsp-resolve has it: the canonical name; none for an id. */
static int read_image(
	struct target_objects *t, const json_t *o, struct object_info *ret, struct err *e)
{
	const struct span none = { NULL, 0 };
	struct span name;
	char *text;

	if (read_text(o, "image", &name, e) != 0)
		return -1;
	if (name.n == 0 || span_starts(name, SPAN("sha256:")))
		return 0;
	text = mem_list_alloc(&t->memory, reference_canonical_most(name, none));
	if (!text)
		return FAIL(e, ENOMEM, "no memory");
	ret->image = (struct span){ text, reference_canonical(name, none, text) };
	return 0;
}

/* The words of what an exec or a container runs. */
static int read_command(
	struct target_objects *t, const json_t *o, struct object_info *ret, struct err *e)
{
	const json_t *list = json_object_get(o, "command");
	size_t size = 0;
	size_t i;
	const json_t *v;
	char *at;

	if (list && !json_is_array(list))
		return FAIL(e, 0, "command must be a list of words");
	json_array_foreach (list, i, v) {
		if (!json_is_string(v))
			return FAIL(e, 0, "command must be a list of words");
		size += json_string_length(v) + 1;
	}
	at = mem_list_alloc(&t->memory, size + 1);
	if (!at)
		return FAIL(e, ENOMEM, "no memory");
	ret->command = (struct span){ at, size };
	json_array_foreach (list, i, v) {
		memcpy(at, json_string_value(v), json_string_length(v));
		at += json_string_length(v);
		*at++ = TEXT_WORD_END;
	}
	return 0;
}

static int check_keys(json_t *o, struct err *e)
{
	static const char *const keys[] = { "kind", "ref", "name", "owner", "labels", "image",
		"command", "missing" };
	const char *key;
	const json_t *v;

	json_object_foreach (o, key, v) {
		struct nearest near = nearest_to(span_of(key), 0);
		size_t i = 0;

		while (i < sizeof(keys) / sizeof(keys[0]) && strcmp(keys[i], key) != 0)
			nearest_try(&near, span_of(keys[i++]));
		if (i == sizeof(keys) / sizeof(keys[0]) && near.word.n > 0)
			return FAIL(e, 0, "no key \"%s\"; did you mean \"%.*s\"?", key,
				(int)near.word.n, near.word.s);
		if (i == sizeof(keys) / sizeof(keys[0]))
			return FAIL(e, 0,
				"no key \"%s\"; there are kind, ref, name, owner, labels, image, "
				"command, missing",
				key);
	}
	return 0;
}

static int read_object(
	struct target_objects *t, json_t *o, struct target_object *ret, struct err *e)
{
	struct object_info *info = &ret->info;

	if (!json_is_object(o))
		return FAIL(e, 0, "write an object, such as {\"owner\":\"bob\",\"name\":\"web\"}");
	if (check_keys(o, e) != 0 || read_kind(o, &ret->kind, e) != 0 ||
		read_text(o, "ref", &ret->ref, e) != 0 ||
		read_text(o, "name", &info->name, e) != 0 ||
		read_text(o, "owner", &info->owner, e) != 0 ||
		read_labels(t, json_object_get(o, "labels"), info, e) != 0 ||
		read_command(t, o, info, e) != 0)
		return -1;
	info->state = json_is_true(json_object_get(o, "missing")) ? OBJECT_MISSING : OBJECT_FOUND;
	return read_image(t, o, info, e);
}

static int read_objects(struct target_objects *t, struct err *e)
{
	bool list = json_is_array(t->json);
	size_t count = list ? json_array_size(t->json) : 1;

	t->items = mem_list_alloc(&t->memory, (count + 1) * sizeof(*t->items));
	if (!t->items)
		return FAIL(e, ENOMEM, "no memory");
	for (; t->count < count; t->count++) {
		json_t *o = list ? json_array_get(t->json, t->count) : t->json;

		if (read_object(t, o, &t->items[t->count], e) != 0)
			return -1;
	}
	return 0;
}

int target_objects_parse(struct span json, struct target_objects **ret, struct err *e)
{
	struct target_objects *t = mem_array(1, sizeof(*t));
	json_error_t where;

	*ret = t;
	if (!t)
		return FAIL(e, ENOMEM, "no memory");
	t->json = json_loadb(json.s ? json.s : "", json.n, JSON_REJECT_DUPLICATES, &where);
	if (!t->json)
		err_set(e, 0, "it is no JSON: %s", where.text);
	if (t->json && read_objects(t, e) == 0)
		return 0;
	target_objects_free(t);
	*ret = NULL;
	return -1;
}

void target_objects_free(struct target_objects *t)
{
	if (!t)
		return;
	json_decref(t->json);
	mem_list_free(&t->memory);
	mem_free(t);
}

/* --- what a request names ----------------------------------------------------------------------*/

static const struct target_object *find(const struct target_objects *t, const struct attribute *d)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct target_object *o = &t->items[i];

		if (o->kind == d->kind && (o->ref.n == 0 || span_equal(o->ref, d->text)))
			return o;
	}
	return NULL;
}

int target_objects_attach(const struct target_objects *t, struct facts *f, struct err *e)
{
	for (size_t i = 0; t && i < f->attributes.count; i++) {
		struct attribute *d = &f->attributes.items[i];
		const struct target_object *o = d->made || d->whole ? NULL : find(t, d);
		struct object_info *info;
		void *memory;

		if (!o)
			continue;
		memory = attributes_alloc(&f->attributes, sizeof(*info));
		if (!memory)
			return FAIL(e, ENOMEM, "no memory");
		info = memory;
		*info = o->info;
		if (info->name.n == 0)
			info->name = d->text;
		d->object = info;
	}
	return 0;
}
