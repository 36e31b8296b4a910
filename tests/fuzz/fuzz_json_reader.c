/*
 * reader_*. Input: JSON text. It is read to its end if and only if jansson can read it, and then
 * every string and key is the same.
 */
#include <jansson.h>
#include <stdlib.h>

#include "dsp/core/base/json_reader.h"
#include "fuzz.h"

enum { DEPTH_MOST = 64 };

static struct json_reader reader_over(char *text, size_t n)
{
	return (struct json_reader){ text, text + n };
}

/* NOLINTBEGIN(misc-no-recursion): the depth was checked before. */
static int depth_of(const json_t *v)
{
	json_t *object = (json_t *)(uintptr_t)v;
	int most = 0;

	for (size_t i = 0; i < json_array_size(v); i++) {
		int depth = depth_of(json_array_get(v, i));

		most = depth > most ? depth : most;
	}
	for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i)) {
		int depth = depth_of(json_object_iter_value(i));

		most = depth > most ? depth : most;
	}
	return most + 1;
}

static void compare(struct json_reader *r, const json_t *v);

static void compare_object(struct json_reader *r, const json_t *v)
{
	struct span key = SPAN("");
	bool first = true;
	size_t n = 0;
	int more;

	while ((more = json_reader_member(r, &first, &key)) > 0) {
		const json_t *member = json_object_getn(v, key.s, key.n);

		CHECK(member != NULL);
		compare(r, member);
		n++;
	}
	CHECK(more == 0 && n == json_object_size(v));
}

/* Reads a value that is known to be v. */
static void compare(struct json_reader *r, const json_t *v)
{
	struct span text = SPAN("");

	if (json_is_object(v)) {
		compare_object(r, v);
	} else if (json_is_array(v)) {
		CHECK(json_reader_accept(r, '['));
		for (size_t i = 0; i < json_array_size(v); i++) {
			CHECK(i == 0 || json_reader_accept(r, ','));
			compare(r, json_array_get(v, i));
		}
		CHECK(json_reader_accept(r, ']'));
	} else if (json_is_string(v)) {
		CHECK(json_reader_peek(r) == '"' && json_reader_string(r, &text));
		CHECK(text.n == json_string_length(v));
		CHECK(memcmp(text.s, json_string_value(v), text.n) == 0);
	} else {
		CHECK(json_reader_peek(r) != '"' && json_reader_skip(r));
	}
}
/* NOLINTEND(misc-no-recursion) */

/* jansson takes a NUL behind a number for the text's end. */
static bool has_raw_nul(struct span text)
{
	return span_find(text, '\0') < text.n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL;
	struct span text = { (const char *)data, size };
	char *copy = fuzz_copy(text);
	struct json_reader r = reader_over(copy, size);
	bool read = json_reader_skip(&r) && json_reader_at_end(&r);
	json_error_t error = { .line = 0 };
	json_t *json = json_loadb(text.s, text.n, flags, &error);

	CHECK(r.at <= r.end && r.end == copy + size);
	if (json && !has_raw_nul(text))
		CHECK(read == (depth_of(json) <= DEPTH_MOST));
	if (!json && read)
		CHECK(json_error_code(&error) == json_error_numeric_overflow);
	json_decref(json);
	free(copy);
	json = read ? json_loadb(text.s, text.n, flags | JSON_REJECT_DUPLICATES, NULL) : NULL;
	if (json) {
		copy = fuzz_copy(text);
		r = reader_over(copy, size);
		compare(&r, json);
		CHECK(json_reader_at_end(&r));
		free(copy);
		json_decref(json);
	}
	return 0;
}
