#include "dsp/core/parse/body.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/parse/fields.h"

/* Where a value stands, for messages: by names of known fields, never by the client's text. */
struct place {
	const struct place *up;
	const char *name; /* NULL: a list element, a map's value, an unknown field */
};

enum { MOST_NAMES = 16 };

/* A body that is checked. */
struct check {
	struct json_value *values; /* all of it */
	struct err *why;
};

/* NOLINTBEGIN(misc-no-recursion): json_value_parse limits the depth. */
static int check_value(const struct check *c, json_ref v, enum struct_id schema, bool is_map,
	const struct place *at);

/* "its body's HostConfig.Mounts" */
static void write_place(struct line *l, const struct place *at)
{
	const char *names[MOST_NAMES];
	size_t n = 0;

	for (; at; at = at->up) {
		if (at->name && n < MOST_NAMES)
			names[n++] = at->name;
	}
	line_add(l, n > 0 ? "its body's " : "its body");
	for (; n > 0; n--)
		line_add(l, "%s%s", names[n - 1], n > 1 ? "." : "");
}

static int fail_at(const struct place *at, const char *what, struct err *why)
{
	char place[160];
	struct line l;

	line_init(&l, place, sizeof(place));
	write_place(&l, at);
	return FAIL(why, 0, "%s %s", place, what);
}

struct known_key {
	struct span key;
	uint64_t hash; /* compared first; equal keys have equal ones */
};

static uint64_t hash_folded(struct span key)
{
	char folded[64];
	size_t n = field_fold(key, folded, sizeof(folded));

	return text_hash((struct span){ folded, n < sizeof(folded) ? n : sizeof(folded) });
}

static int compare_folded(const void *left, const void *right)
{
	const struct known_key *a = left;
	const struct known_key *b = right;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return field_compare(a->key, b->key);
}

static int compare_exact(const void *left, const void *right)
{
	const struct known_key *a = left;
	const struct known_key *b = right;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	if (a->key.n != b->key.n)
		return a->key.n < b->key.n ? -1 : 1;
	return a->key.n > 0 ? memcmp(a->key.s, b->key.s, a->key.n) : 0;
}

enum {
	FEW_KEYS = 96, /* nearly all objects have no more: a HostConfig has some 70 */
	SLOTS = 256,
};

typedef int (*key_compare)(const void *left, const void *right);

/* Whether two of at most FEW_KEYS keys are the same. */
static bool few_have_twins(const struct known_key *keys, size_t n, key_compare compare)
{
	unsigned char slots[SLOTS] = {
		0
	}; /* by hash, or the next that is free: key + 1; 0: free */

	for (size_t i = 0; i < n; i++) {
		size_t slot = keys[i].hash % SLOTS;

		for (; slots[slot] > 0; slot = (slot + 1) % SLOTS) {
			if (compare(&keys[slots[slot] - 1], &keys[i]) == 0)
				return true;
		}
		slots[slot] = (unsigned char)(i + 1);
	}
	return false;
}

/* The same for any number, in any order of them; n log n, whatever the client chose. */
static bool many_have_twins(struct known_key *keys, size_t n, key_compare compare)
{
	qsort(keys, n, sizeof(*keys), compare);
	for (size_t i = 1; i < n; i++) {
		if (compare(&keys[i - 1], &keys[i]) == 0)
			return true;
	}
	return false;
}

/* Whether two keys of n members of an object are the same; of a struct those that are no field. */
static int have_twins(json_ref object, bool is_map, size_t n, bool *ret)
{
	key_compare compare = is_map ? compare_exact : compare_folded;
	struct known_key few[FEW_KEYS];
	AUTO_MEM struct known_key *many = NULL;
	struct known_key *keys = few;
	size_t count = 0;

	if (n > FEW_KEYS) {
		keys = many = mem_array(n, sizeof(*many));
		if (!many)
			return -1;
	}
	for (json_ref m = json_value_first(object); m; m = json_value_next(object, m)) {
		if (m->field > 0)
			continue;
		keys[count].key = m->key;
		keys[count++].hash = is_map ? text_hash(m->key) : hash_folded(m->key);
	}
	*ret = many ? many_have_twins(keys, n, compare) : few_have_twins(keys, n, compare);
	return 0;
}

/*
 * Notes which field each member of a struct is. Whether two are the same one; *unknown: how many
 * are none.
 */
static bool note_fields(
	const struct check *c, json_ref object, enum struct_id schema, size_t *unknown)
{
	uint64_t seen[FIELDS_MOST / 64] = { 0 };
	bool twins = false;

	*unknown = 0;
	for (json_ref m = json_value_first(object); m; m = json_value_next(object, m)) {
		unsigned number = field_number(field_find(schema, m->key));
		uint64_t bit = UINT64_C(1) << number % 64;

		c->values[m - c->values].field = number & 0xfffU;
		if (number == 0)
			(*unknown)++;
		else if (seen[number / 64] & bit)
			twins = true;
		seen[number / 64] |= bit;
	}
	return twins;
}

/* Refuses an object in which two keys are the same: as they are in a map, folded elsewhere. */
static int check_keys(const struct check *c, json_ref object, enum struct_id schema, bool is_map,
	const struct place *at)
{
	size_t others = object->count;
	bool twins = false;

	if (!is_map && schema != STRUCT_NONE)
		twins = note_fields(c, object, schema, &others);
	if (!twins && others > 1 && have_twins(object, is_map, others, &twins) != 0)
		return FAIL(c->why, ENOMEM, "its body");
	if (!twins)
		return 0;
	return fail_at(
		at, is_map ? "has a key twice" : "has two keys that dockerd reads as one", c->why);
}

/* Whether v is a list or an object whose values are of one kind; null is of every kind. */
static bool all_of(json_ref v, enum json_value_kind of, enum json_value_kind kind)
{
	if (v->kind != of)
		return false;
	for (json_ref e = json_value_first(v); e; e = json_value_next(v, e)) {
		if (e->kind != JSON_VALUE_NULL && e->kind != kind)
			return false;
	}
	return true;
}

/* Why v cannot be the value of a field; NULL: it can. null can always (Go then keeps the zero). */
static const char *wrong_type(json_ref v, const struct field *f)
{
	if (v->kind == JSON_VALUE_NULL)
		return NULL;
	switch (f->type) {
	case TYPE_BOOL:
		return v->kind == JSON_VALUE_TRUE || v->kind == JSON_VALUE_FALSE
			? NULL
			: "is not a boolean";
	case TYPE_STRING:
		return v->kind == JSON_VALUE_STRING ? NULL : "is not a string";
	case TYPE_WORDS:
		if (v->kind == JSON_VALUE_STRING)
			return NULL;
		return all_of(v, JSON_VALUE_LIST, JSON_VALUE_STRING) ? NULL
								     : "is not a list of strings";
	case TYPE_STRINGS:
		return all_of(v, JSON_VALUE_LIST, JSON_VALUE_STRING) ? NULL
								     : "is not a list of strings";
	case TYPE_LIST:
		return all_of(v, JSON_VALUE_LIST, JSON_VALUE_OBJECT) ? NULL
								     : "is not a list of objects";
	case TYPE_TEXTS:
		return all_of(v, JSON_VALUE_OBJECT, JSON_VALUE_STRING) ? NULL
								       : "is not a map of strings";
	case TYPE_KNOWN:
		return NULL;
	case TYPE_MAP:
		if (v->kind == JSON_VALUE_OBJECT && f->of != STRUCT_NONE &&
			!all_of(v, JSON_VALUE_OBJECT, JSON_VALUE_OBJECT))
			return "holds a value that is not an object";
		break;
	case TYPE_LISTS:
	case TYPE_OBJECT:
	case TYPE_INCLUDE:
		break;
	}
	return v->kind == JSON_VALUE_OBJECT ? NULL : "is not an object";
}

static int check_member(const struct check *c, json_ref v, const struct place *at)
{
	const struct field *f = field_of_number(v->field);
	struct place here = { .up = at, .name = f ? f->name.s : NULL };
	const char *wrong;

	if (v->kind == JSON_VALUE_OBJECT && (!f || (f->type == TYPE_KNOWN && f->of == STRUCT_NONE)))
		f = field_find(STRUCT_ANY, v->key);
	wrong = f ? wrong_type(v, f) : NULL;
	if (wrong)
		return fail_at(&here, wrong, c->why);
	return check_value(c, v, f ? f->of : STRUCT_NONE,
		f && (f->type == TYPE_MAP || f->type == TYPE_TEXTS || f->type == TYPE_LISTS),
		&here);
}

/* Checks v and all that is in it. */
static int check_value(const struct check *c, json_ref v, enum struct_id schema, bool is_map,
	const struct place *at)
{
	struct place element = { .up = at };
	bool is_list = v->kind == JSON_VALUE_LIST;

	if (v->kind != JSON_VALUE_OBJECT && !is_list)
		return 0;
	if (!is_list && check_keys(c, v, schema, is_map, at) != 0)
		return -1;
	for (json_ref m = json_value_first(v); m; m = json_value_next(v, m)) {
		int rc = is_list || is_map ? check_value(c, m, schema, false, &element)
					   : check_member(c, m, at);

		if (rc != 0)
			return -1;
	}
	return 0;
}
/* NOLINTEND(misc-no-recursion) */

static int check_top(json_ref v, enum body_top top, struct err *why)
{
	bool object = top == TOP_OBJECT || top == TOP_OBJECT_OR_NULL;
	bool null = top == TOP_OBJECT_OR_NULL || top == TOP_LIST_OR_NULL;

	if (null && v->kind == JSON_VALUE_NULL)
		return 0;
	if (object)
		return v->kind == JSON_VALUE_OBJECT ? 0
						    : FAIL(why, 0, "its body is not a JSON object");
	return v->kind == JSON_VALUE_LIST ? 0 : FAIL(why, 0, "its body is not a JSON list");
}

int body_parse(
	char *text, size_t n, struct body_form form, struct json_value **ret, struct err *why)
{
	struct place here = { .up = NULL };
	struct check c = { .why = why };
	struct json_value *top;
	struct err wrong;
	size_t where;

	if (json_value_parse(text, n, &top, &where, &wrong) != 0)
		return FAIL(why, wrong.code, "its body %s (at byte %zu)", wrong.text, where + 1);
	c.values = top;
	if (check_top(top, form.top, why) != 0 ||
		check_value(&c, top, form.schema, false, &here) != 0) {
		mem_free(top);
		return -1;
	}
	*ret = top;
	return 0;
}

/* Whether a key can fold to a name: nearly all that are others cannot. Folding adds no bytes. */
static bool may_be(struct span key, struct span name)
{
	return key.n >= name.n && key.n > 0 &&
		(((key.s[0] ^ name.s[0]) & ~('a' - 'A')) == 0 || (unsigned char)key.s[0] >= 0x80);
}

json_ref body_get(json_ref object, const char *name)
{
	struct span wanted = span_of(name);

	if (!object || object->kind != JSON_VALUE_OBJECT)
		return NULL;
	for (json_ref m = json_value_first(object); m; m = json_value_next(object, m)) {
		if (may_be(m->key, wanted) && field_compare(m->key, wanted) == 0)
			return m;
	}
	return NULL;
}

json_ref body_get_at(json_ref object, struct span path)
{
	while (path.n > 0) {
		char name[64];

		text_copy(span_cut(&path, '.'), name, sizeof(name));
		object = body_get(object, name);
	}
	return object;
}
