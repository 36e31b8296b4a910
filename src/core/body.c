#include "dsp/body.h"

#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "dsp/fields.h"
#include "dsp/mem.h"
#include "dsp/text.h"

enum {
	MOST_DEPTH = 64,       /* more than any real client nests; dockerd goes to 10000 */
	MOST_VALUES = 1 << 18, /* bounds what a parsed body takes: about 130 bytes a value */
};

struct body {
	json_t *json;
};

/* Where the walk is, for the message: the names of known fields only, never the client's text. */
struct place {
	const struct place *up;
	const char *name; /* NULL: a list element, a map's value, an unknown field */
	int depth;        /* of the value that stands here; the top is 1 */
};

/* NOLINTBEGIN(misc-no-recursion): MOST_DEPTH bounds it. */
static int walk(
	json_t *v, enum struct_id schema, bool is_map, const struct place *at, struct err *why);

/* "its body's HostConfig.Mounts" */
static void add_place(struct line *l, const struct place *at)
{
	const char *names[MOST_DEPTH + 1];
	size_t n = 0;

	for (; at; at = at->up) {
		if (at->name && n < MOST_DEPTH)
			names[n++] = at->name;
	}
	line_add(l, n > 0 ? "its body's " : "its body");
	for (; n > 0; n--)
		line_add(l, "%s%s", names[n - 1], n > 1 ? "." : "");
}

static int refuse(const struct place *at, const char *what, struct err *why)
{
	char place[160];
	struct line l;

	line_init(&l, place, sizeof(place));
	add_place(&l, at);
	return FAIL(why, 0, "%s %s", place, what);
}

struct folded_key {
	struct span key;
	uint32_t hash; /* of the folded key: most comparisons end here */
};

static uint32_t fold_hash(struct span key)
{
	char folded[64];
	size_t n = field_fold(key, folded, sizeof(folded));
	uint32_t hash = 2166136261U;

	for (size_t i = 0; i < n && i < sizeof(folded); i++)
		hash = (uint32_t)((uint64_t)(hash ^ (unsigned char)folded[i]) * 16777619U);
	return hash;
}

static int compare_keys(const void *left, const void *right)
{
	const struct folded_key *a = left;
	const struct folded_key *b = right;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return field_compare(a->key, b->key);
}

/*
 * No two keys may fold to one. Sorted, so that an object of many keys costs n log n; small
 * objects, which are nearly all, need no memory.
 */
static int check_keys(json_t *object, const struct place *at, struct err *why)
{
	struct folded_key few[48];
	size_t count = json_object_size(object);
	AUTO_MEM struct folded_key *many = NULL;
	struct folded_key *keys = few;
	size_t n = 0;

	if (count > sizeof(few) / sizeof(few[0])) {
		many = mem_array(count, sizeof(*many));
		if (!many)
			return FAIL(why, ENOMEM, "its body");
		keys = many;
	}
	for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i)) {
		keys[n].key = (struct span){ json_object_iter_key(i), json_object_iter_key_len(i) };
		keys[n].hash = fold_hash(keys[n].key);
		n++;
	}
	qsort(keys, n, sizeof(*keys), compare_keys);
	for (size_t i = 1; i < n; i++) {
		if (compare_keys(&keys[i - 1], &keys[i]) == 0)
			return refuse(at, "holds two keys that dockerd takes for one", why);
	}
	return 0;
}

static bool all_of(json_t *list, json_type type)
{
	size_t i;
	json_t *v;

	if (!json_is_array(list))
		return false;
	json_array_foreach (list, i, v) {
		if (!json_is_null(v) && json_typeof(v) != type)
			return false;
	}
	return true;
}

/* What the value of a field should be and is not; NULL when it is right. null is always right. */
static const char *wrong_type(json_t *v, enum field_type type)
{
	if (json_is_null(v))
		return NULL;
	switch (type) {
	case TYPE_BOOL:
		return json_is_boolean(v) ? NULL : "is not a boolean";
	case TYPE_STRING:
		return json_is_string(v) ? NULL : "is not a string";
	case TYPE_WORDS:
		if (json_is_string(v))
			return NULL;
		return all_of(v, JSON_STRING) ? NULL : "is not a list of strings";
	case TYPE_STRINGS:
		return all_of(v, JSON_STRING) ? NULL : "is not a list of strings";
	case TYPE_LIST:
		return all_of(v, JSON_OBJECT) ? NULL : "is not a list of objects";
	case TYPE_OBJECT:
	case TYPE_MAP:
	case TYPE_INCLUDE:
		break;
	}
	return json_is_object(v) ? NULL : "is not an object";
}

static int walk_member(
	struct span key, json_t *v, enum struct_id schema, const struct place *at, struct err *why)
{
	const struct field *f = schema != STRUCT_NONE ? field_find(schema, key) : NULL;
	struct place here = { .up = at, .depth = at->depth + 1 };

	if (f) {
		const char *wrong = wrong_type(v, f->type);

		here.name = f->name.s;
		if (wrong)
			return refuse(&here, wrong, why);
	} else if (json_is_object(v)) {
		f = field_find(STRUCT_ANY, key);
	}
	return walk(v, f ? f->of : STRUCT_NONE, f && f->type == TYPE_MAP, &here, why);
}

/* One value of a map, whose key is data. */
static int walk_value(json_t *v, enum struct_id schema, const struct place *at, struct err *why)
{
	struct place here = { .up = at, .depth = at->depth + 1 };

	if (schema != STRUCT_NONE && !json_is_object(v) && !json_is_null(v))
		return refuse(at, "holds a value that is not an object", why);
	return walk(v, schema, false, &here, why);
}

static int walk_object(
	json_t *object, enum struct_id schema, bool is_map, const struct place *at, struct err *why)
{
	/* The keys of a map are data: exact, and the parser has refused equal ones. */
	if (!is_map && check_keys(object, at, why) != 0)
		return -1;
	for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i)) {
		json_t *v = json_object_iter_value(i);
		struct span key = { json_object_iter_key(i), json_object_iter_key_len(i) };
		int rc = is_map ? walk_value(v, schema, at, why)
				: walk_member(key, v, schema, at, why);

		if (rc != 0)
			return -1;
	}
	return 0;
}

/* Checks v, which stands at a place, and all below it. The depth is bounded. */
static int walk(
	json_t *v, enum struct_id schema, bool is_map, const struct place *at, struct err *why)
{
	struct place element = { .up = at, .depth = at->depth + 1 };
	size_t i;
	json_t *e;

	if (!json_is_object(v) && !json_is_array(v))
		return 0;
	if (at->depth > MOST_DEPTH)
		return refuse(NULL, "is nested too deep", why);
	if (json_is_object(v))
		return walk_object(v, schema, is_map, at, why);
	json_array_foreach (v, i, e) {
		if (walk(e, schema, false, &element, why) != 0)
			return -1;
	}
	return 0;
}
/* NOLINTEND(misc-no-recursion) */

/* jansson's own text quotes the body, which may hold secrets: only the place is taken over. */
static int refuse_syntax(const json_error_t *error, struct err *why)
{
	const char *what = "is not JSON";

	if (json_error_code(error) == json_error_out_of_memory)
		return FAIL(why, ENOMEM, "its body");
	if (json_error_code(error) == json_error_duplicate_key)
		what = "holds a key twice";
	else if (json_error_code(error) == json_error_null_character)
		what = "holds a NUL character";
	else if (json_error_code(error) == json_error_numeric_overflow)
		what = "holds a number that is too big";
	else if (json_error_code(error) == json_error_invalid_utf8)
		what = "is not UTF-8";
	else if (json_error_code(error) == json_error_end_of_input_expected)
		what = "goes on after its JSON value";
	return FAIL(why, 0, "its body %s (line %d, column %d)", what, error->line, error->column);
}

static int check_top(json_t *v, enum body_top top, struct err *why)
{
	bool object = top == TOP_OBJECT || top == TOP_OBJECT_OR_NULL;
	bool null = top == TOP_OBJECT_OR_NULL || top == TOP_LIST_OR_NULL;

	if (null && json_is_null(v))
		return 0;
	if (object)
		return json_is_object(v) ? 0 : FAIL(why, 0, "its body is not a JSON object");
	return json_is_array(v) ? 0 : FAIL(why, 0, "its body is not a JSON list");
}

/* Whether text may hold more values than any client sends: each begins after one of these. */
static bool has_too_many(struct span text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += text.s[i] == ',' || text.s[i] == '[' || text.s[i] == '{';
	return n > MOST_VALUES;
}

int body_read(struct span text, enum body_top top, enum struct_id schema, struct body **ret,
	struct err *why)
{
	struct place here = { .depth = 1 };
	json_error_t error;
	json_auto_t *json = NULL;
	struct body *b;

	/* jansson overlooks a NUL after a number or a word. */
	if (span_find(text, '\0') < text.n)
		return FAIL(why, 0, "its body holds a NUL byte");
	if (has_too_many(text))
		return FAIL(why, 0, "its body holds too many values");
	/* Where nobody looks at a number it may have any size: as a real it mostly has room. */
	json = json_loadb(text.s, text.n,
		JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, &error);
	if (!json)
		return refuse_syntax(&error, why);
	if (check_top(json, top, why) != 0 || walk(json, schema, false, &here, why) != 0)
		return -1;
	b = mem_alloc(sizeof(*b));
	if (!b)
		return FAIL(why, ENOMEM, "its body");
	b->json = json_incref(json);
	*ret = b;
	return 0;
}

void body_free(struct body *b)
{
	if (!b)
		return;
	json_decref(b->json);
	mem_free(b);
}

/* A value is a json_t; jansson's readers want it without const where they change nothing. */
static json_t *json_of(value_ref v)
{
	return (json_t *)(uintptr_t)v;
}

static value_ref value_of(const json_t *json)
{
	return (value_ref)(const void *)json;
}

value_ref body_top(const struct body *b)
{
	return value_of(b->json);
}

bool value_given(value_ref v)
{
	return v && !json_is_null(json_of(v));
}

bool value_true(value_ref v)
{
	return v && json_is_true(json_of(v));
}

struct span value_text(value_ref v)
{
	const json_t *text = json_of(v);

	if (!v || !json_is_string(text))
		return (struct span){ NULL, 0 };
	return (struct span){ json_string_value(text), json_string_length(text) };
}

size_t value_count(value_ref v)
{
	const json_t *json = json_of(v);

	if (!v)
		return 0;
	return json_is_object(json) ? json_object_size(json) : json_array_size(json);
}

size_t value_words(value_ref v)
{
	if (v && json_is_string(json_of(v)))
		return 1;
	return v && json_is_array(json_of(v)) ? value_count(v) : 0;
}

value_ref value_at(value_ref v, size_t i)
{
	if (v && json_is_array(json_of(v)))
		return value_of(json_array_get(json_of(v), i));
	return v;
}

value_ref value_next(value_ref v, void **at, struct span *key)
{
	json_t *object = json_of(v);

	if (!v || !json_is_object(object))
		return NULL;
	*at = *at ? json_object_iter_next(object, *at) : json_object_iter(object);
	if (!*at)
		return NULL;
	*key = (struct span){ json_object_iter_key(*at), json_object_iter_key_len(*at) };
	return value_of(json_object_iter_value(*at));
}

value_ref value_get(value_ref v, const char *name)
{
	struct span wanted = span_of(name);
	struct span key;
	void *at = NULL;
	value_ref member;

	while ((member = value_next(v, &at, &key))) {
		if (field_compare(key, wanted) == 0)
			return member;
	}
	return NULL;
}

value_ref value_exact(value_ref v, const char *name)
{
	return v ? value_of(json_object_get(json_of(v), name)) : NULL;
}
