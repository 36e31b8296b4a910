/* Files that list images: what they may say, which images they have, and "pinned" with them. */
#include "condition_rows.h"

#include "dsp/core/policy/image_list.h"

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"

static const char good[] = "# released\n\n  nginx@" D1 "  # 1.27\r\n"
			   "registry.example.org:5000/web/app:2@" D2 "\n"
			   "nginx@" D2 "\nindex.docker.io/library/x@" D1;

static void images(void **state)
{
	static const struct {
		const char *image;
		bool has;
	} rows[] = {
		{ "docker.io/library/nginx@" D1, true },
		{ "docker.io/library/nginx:7@" D1, true },
		{ "docker.io/library/nginx@" D2, true },
		{ "docker.io/library/x@" D1, true },
		{ "docker.io/library/x@" D2, false },
		{ "registry.example.org:5000/web/app@" D2, true },
		{ "registry.example.org:5000/web/app:3@" D2, true },
		{ "registry.example.org/web/app@" D2, false },
		{ "registry.example.org:5000/web/app@" D1, false },
		{ "registry.example.org:5000/web/app:2", false },
		{ "docker.io/library/nginx", false },
		{ "docker.io/library/nginx:latest", false },
		{ "docker.io/library/nginx@sha256:1111", false },
		{ D1, false },
		{ "@" D1, false },
		{ "", false },
	};
	struct mem_list memory = { NULL };
	struct image_list list = { .count = 7 };
	struct err e;

	(void)state;
	assert_int_equal(image_list_parse(span_of(good), &memory, &list, &e), 0);
	assert_int_equal(list.count, 4);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (image_list_has(&list, span_of(rows[i].image)) != rows[i].has)
			fail_msg("%s", rows[i].image);
	}
	mem_list_free(&memory);
}

static void mistakes(void **state)
{
	static const char how[] = "write an image as NAME@sha256: and 64 of 0-9 a-f";
	static const struct {
		const char *text, *where;
	} rows[] = {
		{ "nginx", "1:1: " },
		{ "nginx:1", "1:1: " },
		{ "#\n\n \tnginx@sha256:12", "3:3: " },
		{ "a@" D1 "\nb@" D1 "0", "2:1: " },
		{ "a@" D1 " b@" D1, "1:1: " },
		{ "a b@" D1, "1:1: " },
		{ "@" D1, "1:1: " },
		{ D1, "1:1: " },
		{ "a@sha512:11", "1:1: " },
		{ "a@@" D1, "1:1: " },
		{ "a\x01@" D1, "1:1: " },
		{ "a*@" D1, "1:1: " },
		{ "a@sha256:AA11111111111111111111111111111111111111111111111111111111111111",
			"1:1: " },
	};
	struct mem_list memory = { NULL };
	struct image_list list = { .count = 7 };
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[120];

		(void)snprintf(text, sizeof(text), "%s%s", rows[i].where, how);
		assert_int_equal(image_list_parse(span_of(rows[i].text), &memory, &list, &e), -1);
		assert_string_equal(e.text, text);
		assert_int_equal(list.count, 0);
		assert_false(image_list_has(&list, SPAN("docker.io/library/a@" D1)));
	}
	assert_int_equal(image_list_parse(SPAN(" # nothing\n"), &memory, &list, &e), -1);
	assert_string_equal(e.text, "it lists no image");
	mem_list_free(&memory);
}

static void lists(void **state)
{
	static struct image_lists all;
	char path[] = "/list0";
	char longest[IMAGE_LIST_PATH + 1];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	assert_null(image_lists_add(&all, (struct span){ longest, IMAGE_LIST_PATH }, 1));
	for (size_t i = 0; i < IMAGE_LISTS_MOST; i++) {
		path[5] = (char)('0' + i);
		assert_ptr_equal(image_lists_add(&all, span_of(path), i), &all.items[i]);
	}
	assert_ptr_equal(image_lists_add(&all, SPAN("/list1"), 9), &all.items[1]);
	assert_int_equal(all.items[1].at, 1);
	assert_null(image_lists_add(&all, SPAN("/more"), 9));
}

/* Before the file is read, and where it could not be, no image meets the condition. */
static void pinned(void **state)
{
	static const struct {
		const char *target, *body;
		bool met;
	} rows[] = {
		{ CREATE, "{'Image': 'nginx@" D1 "'}", true },
		{ CREATE, "{'Image': 'nginx:9@" D1 "'}", true },
		{ CREATE, "{'Image': 'docker.io/nginx@" D2 "'}", true },
		{ CREATE, "{'Image': 'nginx'}", false },
		{ CREATE, "{'Image': 'nginx:1'}", false },
		{ CREATE, "{'Image': '" D1 "'}", false },
		{ CREATE, "{'Image': 'other@" D1 "'}", false },
		{ CREATE, "{'Cmd': ['x']}", false },
		{ CREATE,
			"{'Image': 'nginx@" D1
			"', 'HostConfig': {'Mounts': [{'Type': 'image', 'Source': 'x', 'Target': "
			"'/x'}]}}",
			false },
		{ SERVICE, SPEC("'ContainerSpec': {'Image': 'nginx@" D1 "'}"), true },
		{ SERVICE, SPEC("'ContainerSpec': {'Image': 'nginx:1'}"), false },
		{ "/images/create?fromImage=nginx&tag=" D1, NULL, true },
		{ "/images/create?fromImage=nginx@" D1, NULL, true },
		{ "/images/create?fromImage=nginx&tag=1", NULL, false },
		{ "/images/create?fromImage=nginx", NULL, false },
		{ "/images/create?fromImage=" D1, NULL, false },
		{ "/images/create?fromSrc=-&repo=nginx@" D1, NULL, false },
	};
	static struct world w;
	static struct answer a;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct row r = { "'pinned': '/list'", rows[i].target, rows[i].body, 0 };
		struct rules *rules;
		struct err e;

		ask(&w, &r, false, &a);
		assert_int_equal(a.decision.verdict, VERDICT_DENY);
		rules = w.file.rules;
		assert_int_equal(rules->image_lists.count, 1);
		assert_int_equal(image_list_parse(span_of(good), &rules->memory,
					 &rules->image_lists.items[0], &e),
			0);
		a.decision = decide(&w.policy, &a.subject, &a.facts, NULL);
		if ((a.decision.verdict == VERDICT_ALLOW) != rows[i].met)
			fail_msg("%s %s", rows[i].target, rows[i].body ? rows[i].body : "");
		answer_free(&a);
		world_close(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(images),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(lists),
		cmocka_unit_test(pinned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
