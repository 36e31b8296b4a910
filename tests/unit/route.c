/* Method and path to operation: each row is found, and what is near to one is not. */
#include "unit.h"

#include <stdio.h>

#include "dsp/core/facts/route.h"

static const struct route *find(
	const char *method, const char *path, const char *version, struct span *name)
{
	struct target t = { .path = span_of(path), .version = span_of(version) };

	return route_find(route_method(span_of(method)), &t, name);
}

static void paths_and_their_operations(void **state)
{
	static const struct {
		const char *method, *version, *path, *operation, *name;
	} rows[] = {
		{ "GET", "", "/_ping", "system_ping", "" },
		{ "HEAD", "v1.41", "/_ping", "system_ping_head", "" },
		{ "POST", "", "/_ping", NULL, "" },
		{ "POST", "v1.41", "/containers/create", "container_create", "" },
		{ "GET", "v1.41", "/containers/create", NULL, "" },
		{ "get", "", "/containers/json", NULL, "" },
		{ "GET", "", "/containers/json", "container_list", "" },
		{ "GET", "", "/containers/json/", NULL, "" },
		{ "GET", "", "/containers/a/json", "container_inspect", "a" },
		{ "GET", "", "/containers/a/b/json", "container_inspect", "a/b" },
		{ "POST", "", "/containers/a/start", "container_start", "a" },
		{ "DELETE", "", "/images/r:5000/a/b:1", "image_delete", "r:5000/a/b:1" },
		{ "POST", "", "/images/a/b/tag", "image_tag", "a/b" },
		{ "POST", "", "/images//tag", "image_tag", "" },
		{ "POST", "", "/images/a\nb/tag", NULL, "" },
		{ "POST", "", "/exec/e/start", "exec_start", "e" },
		{ "DELETE", "", "/containers/a/checkpoints/b", "checkpoint_delete", "a" },
		{ "DELETE", "", "/containers/a/checkpoints/", "container_delete",
			"a/checkpoints/" },
		{ "POST", "", "/nothing", NULL, "" },
		{ "POST", "", "", NULL, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span name;
		const struct route *r = find(rows[i].method, rows[i].path, rows[i].version, &name);
		const char *got = r ? r->name : "(none)";

		if (strcmp(got, rows[i].operation ? rows[i].operation : "(none)") != 0)
			fail_msg("%s %s: %s", rows[i].method, rows[i].path, got);
		if (r && !span_equal(name, span_of(rows[i].name)))
			fail_msg("%s: %.*s", rows[i].path, (int)name.n, name.s);
	}
}

/* Some path of a pattern: each variable is "x". */
static void fill(const char *pattern, char *out)
{
	for (; *pattern; pattern++) {
		if (*pattern == '{') {
			*out++ = 'x';
			pattern = strchr(pattern, '}');
		} else {
			*out++ = *pattern;
		}
	}
	*out = '\0';
}

static void every_row_is_found(void **state)
{
	static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS" };
	size_t count;
	const struct route *rows = route_rows(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		size_t m = rows[i].method == METHOD_ANY ? 0 : (size_t)rows[i].method;
		const struct route *r;
		struct span name;
		char path[128];

		assert_true(m < sizeof(methods) / sizeof(methods[0]));
		fill(rows[i].pattern, path);
		r = find(methods[m], path, "", &name);
		if (!r || r->operation != rows[i].operation)
			fail_msg("%s %s: %s", methods[m], path, r ? r->name : "none");
		assert_int_equal(operation_find(span_of(rows[i].name)), rows[i].operation);
		r = find(methods[m], path, "v1.41", &name);
		if (!rows[i].versioned && r == &rows[i])
			fail_msg("%s: with a version", path);
	}
	assert_int_equal(operation_find(SPAN("nothing")), OPERATION_COUNT);
	assert_int_equal(operation_find(SPAN("")), OPERATION_COUNT);
}

static void plain_names(void **state)
{
	(void)state;
	assert_true(route_is_plain(SPAN("aZ0_.-")));
	assert_false(route_is_plain(SPAN("")));
	assert_false(route_is_plain(SPAN("a/b")));
	assert_false(route_is_plain(SPAN("a\n")));
	assert_false(route_is_plain(SPAN("\xc3\xa9")));
	assert_false(route_is_plain(SPAN("a b")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_and_their_operations),
		cmocka_unit_test(every_row_is_found),
		cmocka_unit_test(plain_names),
	};

	return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
