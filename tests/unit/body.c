/* JSON bodies: what Go's encoding/json reads in one way only, and why others are refused. */
#include "unit.h"

#include <stdio.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/parse/body.h"
#include "dsp/core/parse/fields.h"

static const struct body_form container = { TOP_OBJECT, STRUCT_CONTAINERCREATE };

static int parse(struct span text, struct body_form form, struct err *why)
{
	char *copy = exactly(text.s, text.n);
	struct json_value *top = NULL;
	int rc = body_parse(copy, text.n, form, &top, why);

	mem_free(top);
	free(copy);
	return rc;
}

static void read_or_refused(void **state)
{
	static const struct {
		struct span text;
		const char *why; /* NULL: it is read */
	} rows[] = {
		{ SPAN_INIT("{}"), NULL },
		{ SPAN_INIT("{\"Image\":\"x\",\"HostConfig\":null}"), NULL },
		{ SPAN_INIT("{\"Unknown\":[1,{\"a\":2}]}"), NULL },
		{ SPAN_INIT("{\"Cmd\":\"a\"}"), NULL },
		{ SPAN_INIT("{\"Cmd\":[\"a\",null]}"), NULL },
		{ SPAN_INIT("{\"hostconfig\":{\"PRIVILEGED\":false}}"), NULL },
		{ SPAN_INIT("{\"Labels\":{\"a\":\"1\",\"A\":\"2\"}}"), NULL },
		{ SPAN_INIT("null"), "its body is not a JSON object" },
		{ SPAN_INIT("[]"), "its body is not a JSON object" },
		{ SPAN_INIT("{"), "its body is not JSON (at byte 2)" },
		{ SPAN_INIT("\xef\xbb\xbf{}"), "its body is not JSON (at byte 1)" },
		{ SPAN_INIT("{\"Image\":1}"), "its body's Image is not a string" },
		{ SPAN_INIT("{\"Cmd\":[1]}"), "its body's Cmd is not a list of strings" },
		{ SPAN_INIT("{\"HostConfig\":[]}"), "its body's HostConfig is not an object" },
		{ SPAN_INIT("{\"HostConfig\":{\"Privileged\":1}}"),
			"its body's HostConfig.Privileged is not a boolean" },
		{ SPAN_INIT("{\"HostConfig\":{\"Mounts\":[1]}}"),
			"its body's HostConfig.Mounts is not a list of objects" },
		{ SPAN_INIT("{\"Image\":\"a\",\"image\":\"b\"}"),
			"its body has two keys that dockerd reads as one" },
		{ SPAN_INIT("{\"HostConfig\":{\"Binds\":[],\"Bind\\u017f\":[]}}"),
			"its body's HostConfig has two keys that dockerd reads as one" },
		{ SPAN_INIT("{\"x\":{\"k\":1,\"\\u212A\":2}}"),
			"its body has two keys that dockerd reads as one" },
		{ SPAN_INIT("{\"HostConfig\":{\"Sysctls\":{\"a\":\"1\",\"a\":\"2\"}}}"),
			"its body's HostConfig.Sysctls has a key twice" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err why = { .text = "" };
		int rc = parse(rows[i].text, container, &why);

		if (rc != (rows[i].why ? -1 : 0))
			fail_msg("%s: %d %s", rows[i].text.s, rc, why.text);
		if (rows[i].why)
			assert_string_equal(why.text, rows[i].why);
	}
}

static void the_top(void **state)
{
	static const struct span texts[] = { SPAN_INIT("{}"), SPAN_INIT("[]"), SPAN_INIT("null"),
		SPAN_INIT("1"), SPAN_INIT("\"\"") };
	static const struct {
		enum body_top top;
		bool read[5];
	} rows[] = {
		{ TOP_OBJECT, { true, false, false, false, false } },
		{ TOP_OBJECT_OR_NULL, { true, false, true, false, false } },
		{ TOP_LIST, { false, true, false, false, false } },
		{ TOP_LIST_OR_NULL, { false, true, true, false, false } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t k = 0; k < 5; k++) {
			struct body_form form = { rows[i].top, STRUCT_NONE };
			struct err why;

			assert_int_equal(parse(texts[k], form, &why) == 0, rows[i].read[k]);
		}
	}
}

/* More keys than there is room for without memory, of which the last may be the first again. */
static void many_keys(void **state)
{
	enum { KEYS = 200 };
	static char text[KEYS * 16];

	(void)state;
	for (int twice = 0; twice < 2; twice++) {
		size_t n = 0;
		struct err why;

		for (int i = 0; i < KEYS; i++)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s\"k%d\":%d",
				i > 0 ? "," : "{", twice && i == KEYS - 1 ? 0 : i, i);
		text[n++] = '}';
		assert_int_equal(parse((struct span){ text, n }, container, &why), -twice);
	}
}

static void members_are_found_folded(void **state)
{
	static const char text[] = "{\"a\":1,\"HOSTconfig\":{\"Bind\xc5\xbf\":[]}}";
	char *copy = exactly(text, strlen(text));
	struct json_value *top;
	struct err why;
	json_ref host;

	(void)state;
	assert_int_equal(body_parse(copy, strlen(text), container, &top, &why), 0);
	host = body_get(top, "hostconfig");
	assert_non_null(host);
	assert_non_null(body_get(host, "binds"));
	assert_null(body_get(host, "bind"));
	assert_null(body_get(body_get(top, "a"), "x"));
	assert_null(body_get(NULL, "x"));
	mem_free(top);
	free(copy);
}

/* Each member of a struct has its field's number; that of a map, or one that is no field, none. */
static void members_know_their_fields(void **state)
{
	static const char text[] =
		"{\"Image\":\"a\",\"x\":{\"Image\":\"b\"},"
		"\"LABELS\":{\"Image\":\"c\"},"
		"\"hostCONFIG\":{\"Memory\":1,\"Image\":2,\"Mounts\":[{\"Source\":\"/\"}]}}";
	static const struct {
		const char *key;
		enum struct_id in; /* STRUCT_NONE: no field */
	} wanted[] = {
		{ "Image", STRUCT_CONTAINERCREATE },
		{ "x", STRUCT_NONE },
		{ "Image", STRUCT_NONE },
		{ "LABELS", STRUCT_CONTAINERCREATE },
		{ "Image", STRUCT_NONE },
		{ "hostCONFIG", STRUCT_CONTAINERCREATE },
		{ "Memory", STRUCT_HOSTCONFIG },
		{ "Image", STRUCT_NONE },
		{ "Mounts", STRUCT_HOSTCONFIG },
		{ "Source", STRUCT_MOUNT },
	};
	char *copy = exactly(text, strlen(text));
	struct json_value *top;
	struct err why;
	size_t n = 0;

	(void)state;
	assert_int_equal(body_parse(copy, strlen(text), container, &top, &why), 0);
	for (unsigned i = 0; i < top->size; i++) {
		if (top[i].key.n == 0)
			continue;
		assert_true(span_equal(top[i].key, span_of(wanted[n].key)));
		assert_ptr_equal(field_of_number(top[i].field),
			field_find(wanted[n].in, span_of(wanted[n].key)));
		assert_int_equal(top[i].field > 0, wanted[n].in != STRUCT_NONE);
		n++;
	}
	assert_int_equal(n, sizeof(wanted) / sizeof(wanted[0]));
	mem_free(top);
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_or_refused),
		cmocka_unit_test(the_top),
		cmocka_unit_test(many_keys),
		cmocka_unit_test(members_are_found_folded),
		cmocka_unit_test(members_know_their_fields),
	};

	return cmocka_run_group_tests_name("body", tests, NULL, NULL);
}
