/* Attributes: the list, and how each kind is written for the user. */
#include "unit.h"

#include "dsp/core/facts/attributes.h"

static const struct mount_info found = { .visible = true, .path = "/real" };
static const struct mount_info parent = { .path = "/real/parent" };
static const struct mount_info hidden = { .path = "" };

static void written(void **state)
{
	static const struct {
		struct attribute attribute;
		const char *text;
	} rows[] = {
		{ { .kind = ATTRIBUTE_OPTION, .field = SPAN_INIT("Privileged") }, "Privileged" },
		{ { .kind = ATTRIBUTE_OPTION,
			  .field = SPAN_INIT("CgroupnsMode"),
			  .text = SPAN_INIT("host") },
			"CgroupnsMode host" },
		{ { .kind = ATTRIBUTE_CAPABILITY,
			  .field = SPAN_INIT("CapAdd"),
			  .text = SPAN_INIT("CAP_SYS_ADMIN") },
			"CAP_SYS_ADMIN" },
		{ { .kind = ATTRIBUTE_CAPABILITY, .field = SPAN_INIT("CapAdd") }, "CapAdd" },
		{ { .kind = ATTRIBUTE_IMAGE, .text = SPAN_INIT("docker.io/library/x:1") },
			"docker.io/library/x:1" },
		{ { .kind = ATTRIBUTE_PORT, .text = SPAN_INIT("80:80/tcp") }, "80:80/tcp" },
		{ { .kind = ATTRIBUTE_USER,
			  .field = SPAN_INIT("User"),
			  .text = SPAN_INIT("a \"b\"\n") },
			"User \"a \\\"b\\\"\\x0a\"" },
		{ { .kind = ATTRIBUTE_MOUNT, .text = SPAN_INIT("/a") }, "/a (rw)" },
		{ { .kind = ATTRIBUTE_MOUNT,
			  .text = SPAN_INIT("/a"),
			  .target = SPAN_INIT("/b"),
			  .read_only = true },
			"/a -> /b (ro)" },
		{ { .kind = ATTRIBUTE_MOUNT, .text = SPAN_INIT("/a"), .mount_info = &found },
			"/a (rw), is /real" },
		{ { .kind = ATTRIBUTE_MOUNT, .text = SPAN_INIT("/real"), .mount_info = &found },
			"/real (rw)" },
		{ { .kind = ATTRIBUTE_MOUNT, .text = SPAN_INIT("/a"), .mount_info = &parent },
			"/a (rw), is /real/parent, not seen" },
		{ { .kind = ATTRIBUTE_MOUNT, .text = SPAN_INIT("/a"), .mount_info = &hidden },
			"/a (rw), hidden from a managed plugin" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char out[256];

		attribute_write(&rows[i].attribute, out, sizeof(out));
		assert_string_equal(out, rows[i].text);
		for (size_t cap = 16; cap < 64; cap++) {
			char *small = exactly(NULL, cap);

			attribute_write(&rows[i].attribute, small, cap);
			assert_true(strnlen(small, cap) < cap);
			free(small);
		}
	}
}

static void a_list_grows(void **state)
{
	struct attributes list = { .count = 0 };

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		struct attribute item = { .kind = ATTRIBUTE_PATH };
		char *text = attributes_alloc(&list, i);

		assert_non_null(text);
		memset(text, 'x', i);
		item.text = (struct span){ text, i };
		assert_int_equal(attributes_add(&list, &item), 0);
	}
	assert_int_equal(list.count, 100);
	for (size_t i = 0; i < list.count; i++)
		assert_int_equal(list.items[i].text.n, i);
	attributes_free(&list);
	assert_int_equal(list.count, 0);
	attributes_free(&list);
}

static void every_kind_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int a = ATTRIBUTE_OPTION; a <= ATTRIBUTE_HEALTHCHECK; a++) {
		for (int b = ATTRIBUTE_OPTION; b < a; b++)
			assert_string_not_equal(attribute_kind_name((enum attribute_kind)a),
				attribute_kind_name((enum attribute_kind)b));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written),
		cmocka_unit_test(a_list_grows),
		cmocka_unit_test(every_kind_has_a_name_of_its_own),
	};

	return cmocka_run_group_tests_name("attributes", tests, NULL, NULL);
}
