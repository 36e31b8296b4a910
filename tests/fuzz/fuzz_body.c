/*
 * body_parse. Input: an operation's name (else one is chosen), newline, the body. What is accepted
 * is JSON, is what the operation wants at its top, and has in every object keys that differ when
 * folded, and known fields of the right type: looked for in the plainest way.
 */
#include <jansson.h>
#include <stdlib.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/facts/route.h"
#include "dsp/core/parse/body.h"
#include "dsp/core/parse/fields.h"
#include "fuzz.h"

enum { DEPTH_MOST = 64, KEYS_MOST = 2000 };

#define ROW(st, low, nm, ty, sub) { (st), { (low), sizeof(low) - 1 }, { (nm), 0 }, (ty), (sub) },

static const struct field fields[] = { FIELDS_ROWS(ROW) };

/* NOLINTBEGIN(misc-no-recursion): the fuzzed text is short, and jansson's depth is bounded. */
static void walk(const json_t *v, enum struct_id in, bool is_map, int depth);

/* A key in lower case, with the two characters beyond ASCII that Go takes for letters of it. */
static char *fold(const char *key)
{
	char *folded = fuzz_room(strlen(key) + 1);
	size_t n = 0;

	while (*key) {
		if (strncmp(key, "\xc5\xbf", 2) == 0) {
			folded[n++] = 's';
			key += 2;
		} else if (strncmp(key, "\xe2\x84\xaa", 3) == 0) {
			folded[n++] = 'k';
			key += 3;
		} else {
			folded[n] = *key;
			if (*key >= 'A' && *key <= 'Z')
				folded[n] = (char)(*key + 32);
			n++;
			key++;
		}
	}
	folded[n] = '\0';
	return folded;
}

static void check_keys(json_t *object)
{
	size_t count = json_object_size(object);
	char **keys = fuzz_room(count * sizeof(*keys));
	size_t n = 0;

	for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i))
		keys[n++] = fold(json_object_iter_key(i));
	CHECK(n == count);
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < i && n <= KEYS_MOST; j++)
			CHECK(strcmp(keys[i], keys[j]) != 0);
	}
	for (size_t i = 0; i < n; i++)
		free(keys[i]);
	free(keys);
}

static const struct field *find(enum struct_id in, const char *key)
{
	char *folded = fold(key);
	const struct field *found = NULL;

	while (in != STRUCT_NONE && !found) {
		enum struct_id next = STRUCT_NONE;

		for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
			const struct field *f = &fields[i];

			if (f->in != in)
				continue;
			if (f->type == TYPE_INCLUDE)
				next = f->of;
			else if (span_equal(f->folded, span_of(folded)))
				found = f;
		}
		in = next;
	}
	free(folded);
	return found;
}

static bool is_list_of(const json_t *v, json_type type)
{
	for (size_t i = 0; i < json_array_size(v); i++) {
		if (!json_is_null(json_array_get(v, i)) &&
			json_typeof(json_array_get(v, i)) != type)
			return false;
	}
	return json_is_array(v);
}

static void check_map_of(const json_t *v, json_type type)
{
	json_t *object = (json_t *)(uintptr_t)v;

	CHECK(json_is_object(v));
	for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i)) {
		const json_t *value = json_object_iter_value(i);

		CHECK(json_typeof(value) == type || json_is_null(value));
	}
}

static void check_type(const json_t *v, const struct field *f)
{
	if (json_is_null(v))
		return;
	switch (f->type) {
	case TYPE_BOOL:
		CHECK(json_is_boolean(v));
		break;
	case TYPE_STRING:
		CHECK(json_is_string(v));
		break;
	case TYPE_STRINGS:
		CHECK(is_list_of(v, JSON_STRING));
		break;
	case TYPE_WORDS:
		CHECK(json_is_string(v) || is_list_of(v, JSON_STRING));
		break;
	case TYPE_LIST:
		CHECK(is_list_of(v, JSON_OBJECT));
		break;
	case TYPE_TEXTS:
		check_map_of(v, JSON_STRING);
		break;
	case TYPE_MAP:
		if (f->of != STRUCT_NONE)
			check_map_of(v, JSON_OBJECT);
		CHECK(json_is_object(v));
		break;
	case TYPE_KNOWN:
		break;
	case TYPE_LISTS:
	case TYPE_OBJECT:
	case TYPE_INCLUDE:
		CHECK(json_is_object(v));
		break;
	}
}

static void walk_member(const char *key, const json_t *v, enum struct_id in, int depth)
{
	const struct field *f = find(in, key);

	if (json_is_object(v) && (!f || (f->type == TYPE_KNOWN && f->of == STRUCT_NONE)))
		f = find(STRUCT_ANY, key);
	if (f)
		check_type(v, f);
	walk(v, f ? f->of : STRUCT_NONE,
		f && (f->type == TYPE_MAP || f->type == TYPE_TEXTS || f->type == TYPE_LISTS),
		depth + 1);
}

static void walk_object(json_t *object, enum struct_id in, bool is_map, int depth)
{
	if (!is_map)
		check_keys(object);
	for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i)) {
		const json_t *v = json_object_iter_value(i);

		CHECK(strlen(json_object_iter_key(i)) == json_object_iter_key_len(i));
		if (is_map)
			walk(v, in, false, depth + 1);
		else
			walk_member(json_object_iter_key(i), v, in, depth);
	}
}

static void walk(const json_t *v, enum struct_id in, bool is_map, int depth)
{
	if (json_is_object(v) || json_is_array(v))
		CHECK(depth <= DEPTH_MOST);
	if (json_is_object(v))
		walk_object((json_t *)(uintptr_t)v, in, is_map, depth);
	for (size_t i = 0; i < json_array_size(v); i++)
		walk(json_array_get(v, i), in, false, depth + 1);
}
/* NOLINTEND(misc-no-recursion) */

/* The same value by jansson's reading and by ours. */
/* NOLINTBEGIN(misc-no-recursion): the fuzzed text is short. */
static void check_same(json_t *json, json_ref v)
{
	switch (json_typeof(json)) {
	case JSON_NULL:
		CHECK(v->kind == JSON_VALUE_NULL);
		break;
	case JSON_TRUE:
		CHECK(v->kind == JSON_VALUE_TRUE);
		break;
	case JSON_FALSE:
		CHECK(v->kind == JSON_VALUE_FALSE);
		break;
	case JSON_INTEGER:
	case JSON_REAL:
		CHECK(v->kind == JSON_VALUE_NUMBER);
		break;
	case JSON_STRING:
		CHECK(v->kind == JSON_VALUE_STRING);
		CHECK(v->text.n == json_string_length(json));
		CHECK(memcmp(v->text.s, json_string_value(json), v->text.n) == 0);
		break;
	case JSON_ARRAY:
		CHECK(v->kind == JSON_VALUE_LIST && v->count == json_array_size(json));
		break;
	case JSON_OBJECT:
		CHECK(v->kind == JSON_VALUE_OBJECT && v->count == json_object_size(json));
		break;
	}
	if (v->kind == JSON_VALUE_STRING)
		return;
	size_t i = 0;

	for (json_ref m = json_value_first(v); m; m = json_value_next(v, m), i++) {
		char *key = fuzz_copy(m->key);

		check_same(json_is_array(json) ? json_array_get(json, i)
					       : json_object_getn(json, key, m->key.n),
			m);
		free(key);
	}
	CHECK(i == v->count);
}
/* NOLINTEND(misc-no-recursion) */

static void check_accepted(struct span text, const struct route *route, json_ref top)
{
	const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL;
	json_error_t error;
	json_t *json = json_loadb(text.s, text.n, flags, &error);

	/* A number has any size where nobody looks at it. */
	if (!json && json_error_code(&error) == json_error_numeric_overflow)
		return;
	CHECK(json != NULL);
	switch (route->top) {
	case TOP_OBJECT:
		CHECK(json_is_object(json));
		break;
	case TOP_OBJECT_OR_NULL:
		CHECK(json_is_object(json) || json_is_null(json));
		break;
	case TOP_LIST:
		CHECK(json_is_array(json));
		break;
	case TOP_LIST_OR_NULL:
		CHECK(json_is_array(json) || json_is_null(json));
		break;
	case TOP_NONE:
		CHECK(route->top != TOP_NONE);
	}
	check_same(json, top);
	walk(json, route->schema, false, 1);
	json_decref(json);
}

/* The row of an operation with a JSON body: by name, else by the name's first byte. */
static const struct route *choose(struct span name)
{
	const struct route *json[256] = { NULL };
	size_t count;
	const struct route *rows = route_rows(&count);
	size_t n = 0;

	for (size_t i = 0; i < count && n < 256; i++) {
		if (rows[i].top == TOP_NONE)
			continue;
		if (span_equal(span_of(rows[i].name), name))
			return &rows[i];
		json[n++] = &rows[i];
	}
	CHECK(n > 0);
	return json[name.n > 0 ? (unsigned char)name.s[0] % n : 0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = { (const char *)data, size };
	const struct route *route = choose(fuzz_line(text, &text));
	struct body_form form = { route->top, route->schema };
	char *copy = fuzz_copy(text);
	struct json_value *top = NULL;
	struct err why;

	if (body_parse(copy, text.n, form, &top, &why) == 0) {
		check_accepted(text, route, top);
		mem_free(top);
	} else {
		CHECK(top == NULL);
		CHECK(why.code == 0 && fuzz_printable(why.text));
		CHECK(strncmp(why.text, "its body", 8) == 0);
	}
	free(copy);
	return 0;
}
