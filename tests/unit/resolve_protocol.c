/* The lines between dspd and dsp-resolve: what is a request, and what an answer has. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsp/core/base/mem.h"
#include "dsp/protocol/resolve_protocol.h"

#define TOKEN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void references(void **state)
{
	static const char *const fine[] = { "web", "a", "A.b_c-d", "registry:5000/a/b:1",
		"a@sha256:00", "+", "...", "a/.b" };
	static const char *const wrong[] = { "", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a",
		"a/./b", "a b", "a?b", "a#b", "a%b", "a\\b", "a\nb", "\xc3\xa9" };
	char longest[RESOLVE_REFERENCE_MOST + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
		assert_true(resolve_reference_is_valid(span_of(fine[i])));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(resolve_reference_is_valid(span_of(wrong[i])));
	assert_false(resolve_reference_is_valid((struct span){ "a\0b", 3 }));
	memset(longest, 'a', sizeof(longest));
	assert_true(resolve_reference_is_valid((struct span){ longest, RESOLVE_REFERENCE_MOST }));
	assert_false(resolve_reference_is_valid((struct span){ longest, sizeof(longest) - 1 }));
}

/* The longest request fits, and each is read as it was written. */
static void requests_come_through(void **state)
{
	(void)state;
	for (int kind = RESOLVE_CONTAINER; kind < RESOLVE_KINDS; kind++) {
		bool named = kind != RESOLVE_INFO && kind != RESOLVE_VERSION;
		struct resolve_request q = { .kind = (enum resolve_kind)kind, .token = TOKEN };
		struct resolve_request read;
		char line[RESOLVE_LINE_MOST];
		char target[RESOLVE_TARGET_ROOM];
		size_t n;

		if (named)
			memset(q.reference, 'r', RESOLVE_REFERENCE_MOST);
		n = resolve_request_write(&q, line);
		assert_true(n > 0);
		assert_int_equal(line[n - 1], '\n');
		assert_int_equal(resolve_request_parse((struct span){ line, n - 1 }, &read), 0);
		assert_memory_equal(&read, &q, sizeof(q));
		resolve_target_write(&q, target);
		assert_true(span_ends(span_of(target), resolve_query(q.kind)));
		assert_true(target[strlen(target) - resolve_query(q.kind).n - 1] == '?');
		assert_true(strstr(target, q.reference) != NULL || kind == RESOLVE_IDS);
		if (named) {
			q.reference[3] = ' ';
			assert_int_equal(resolve_request_write(&q, line), 0);
		}
	}
}

static struct resolve_answer answer_about(
	enum resolve_kind kind, const char *reference, int status, const char *body, char *line)
{
	struct resolve_request q = { .kind = kind };
	char *copy = mem_copy(body, strlen(body));
	struct resolve_answer a;
	size_t n;

	assert_non_null(copy);
	(void)snprintf(q.reference, sizeof(q.reference), "%s", reference);
	n = resolve_answer_write(&q, status, copy, strlen(body), line);
	mem_free(copy);
	assert_true(n > 0 && n <= RESOLVE_ANSWER_MOST && line[n - 1] == '\n');
	assert_null(memchr(line, '\n', n - 1));
	resolve_answer_parse(kind, line, n - 1, &a);
	return a;
}

static struct resolve_answer answer_to(
	enum resolve_kind kind, int status, const char *body, char *line)
{
	return answer_about(kind, "x", status, body, line);
}

static void answers_come_through(void **state)
{
	char *line = malloc(RESOLVE_ANSWER_MOST);
	struct resolve_answer a;

	(void)state;
	assert_non_null(line);
	a = answer_to(RESOLVE_CONTAINER, 200,
		"{\"Id\":\"1\",\"Name\":\"\\/w\\u00e9b\",\"Image\":\"sha256:2\",\"Config\":{\"Image\":\"i\","
		"\"Labels\":{\"a\\\"\":\"\\\\\\n\\u0001\"}}}",
		line);
	assert_int_equal(a.result, RESOLVE_FOUND);
	assert_true(span_equal(a.texts[RESOLVE_ID], SPAN("1")));
	assert_true(span_equal(a.texts[RESOLVE_NAME],
		SPAN("w\xc3\xa9"
		     "b")));
	assert_true(span_equal(a.texts[RESOLVE_IMAGE_NAME], SPAN("i")));
	assert_true(span_equal(a.texts[RESOLVE_IMAGE_ID], SPAN("sha256:2")));
	assert_int_equal(a.labels->count, 1);
	assert_true(span_equal(json_value_first(a.labels)->key, SPAN("a\"")));
	assert_true(span_equal(json_value_text(json_value_first(a.labels)), SPAN("\\\n\x01")));
	resolve_answer_free(&a);

	a = answer_to(RESOLVE_EXEC, 404, "nothing", line);
	assert_int_equal(a.result, RESOLVE_MISSING);
	resolve_answer_free(&a);
	a = answer_to(RESOLVE_INFO, 403, "{}", line);
	assert_int_equal(a.result, RESOLVE_FAILED);
	assert_string_equal(a.trouble, "dockerd answers 403");
	resolve_answer_free(&a);
	a = answer_to(RESOLVE_INFO, 200, "{\"DefaultRuntime\":\"runc\",\"SecurityOptions\":[1,{}]}",
		line);
	assert_int_equal(a.result, RESOLVE_FOUND);
	assert_int_equal(a.texts[RESOLVE_SECCOMP].n, 0);
	resolve_answer_free(&a);
	free(line);
}

/* Of a list dspd gets the first two ids that begin with what it asked for. */
static void ids_come_through(void **state)
{
	static const char list[] =
		"[{\"Id\":\"ca1\",\"Names\":[]},{\"Id\":\"1ca\"},{\"Id\":\"ca2\"},"
		"{\"Id\":\"ca3\"}]";
	static const char *const wrong[] = { "{}", "null", "[1]", "[{}]", "[{\"Id\":\"\"}]",
		"[{\"Id\":1}]", "[{\"Id\":\"ca\",\"Id\":\"b\"}]", "[{\"Id\":\"ca1\"},[]]" };
	char *line = malloc(RESOLVE_ANSWER_MOST);
	struct resolve_answer a;

	(void)state;
	assert_non_null(line);
	a = answer_about(RESOLVE_IDS, "ca", 200, list, line);
	assert_int_equal(a.result, RESOLVE_FOUND);
	assert_true(span_equal(a.texts[RESOLVE_ID], SPAN("ca1")));
	assert_true(span_equal(a.texts[RESOLVE_OTHER_ID], SPAN("ca2")));
	resolve_answer_free(&a);
	a = answer_about(RESOLVE_IDS, "ca3", 200, list, line);
	assert_int_equal(a.result, RESOLVE_FOUND);
	assert_true(span_equal(a.texts[RESOLVE_ID], SPAN("ca3")));
	assert_int_equal(a.texts[RESOLVE_OTHER_ID].n, 0);
	resolve_answer_free(&a);
	for (size_t i = 0; i < 2; i++) {
		a = answer_about(RESOLVE_IDS, "b", 200, i == 0 ? list : "[]", line);
		assert_int_equal(a.result, RESOLVE_MISSING);
		resolve_answer_free(&a);
	}
	a = answer_about(RESOLVE_IDS, "b", 404, list, line);
	assert_int_equal(a.result, RESOLVE_FAILED);
	resolve_answer_free(&a);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		a = answer_about(RESOLVE_IDS, "ca", 200, wrong[i], line);
		assert_int_equal(a.result, RESOLVE_FAILED);
		resolve_answer_free(&a);
	}
	free(line);
}

/* An answer of one kind is none of another, and no member comes twice or is of another type. */
static void wrong_answers_fail(void **state)
{
	static const struct {
		enum resolve_kind kind;
		const char *line;
	} all[] = {
		{ RESOLVE_EXEC, "{\"id\":\"1\",\"name\":\"w\"}" },
		{ RESOLVE_EXEC, "{\"id\":\"1\"}" },
		{ RESOLVE_EXEC, "{\"id\":\"1\",\"container\":\"c\",\"labels\":{}}" },
		{ RESOLVE_EXEC, "{\"id\":\"1\",\"container\":\"c\",\"container\":\"c\"}" },
		{ RESOLVE_VOLUME, "{\"name\":\"v\",\"labels\":{},\"labels\":{}}" },
		{ RESOLVE_VOLUME, "{\"name\":\"v\",\"labels\":{\"a\":null}}" },
		{ RESOLVE_VOLUME, "{\"name\":\"v\",\"labels\":[]}" },
		{ RESOLVE_VOLUME, "{\"name\":[\"v\"]}" },
		{ RESOLVE_VOLUME, "{\"name\":\"v\",\"missing\":true}" },
		{ RESOLVE_VOLUME, "{\"missing\":false}" },
		{ RESOLVE_VOLUME, "{\"missing\":1}" },
		{ RESOLVE_VOLUME, "{\"error\":{}}" },
		{ RESOLVE_VOLUME, "{\"error\":\"\"}" },
		{ RESOLVE_VOLUME, "" },
		{ RESOLVE_VOLUME, "[{\"name\":\"v\"}]" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		char *copy = mem_copy(all[i].line, strlen(all[i].line));
		struct resolve_answer a;

		assert_non_null(copy);
		resolve_answer_parse(all[i].kind, copy, strlen(all[i].line), &a);
		assert_int_equal(a.result, RESOLVE_FAILED);
		resolve_answer_free(&a);
		mem_free(copy);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(references),
		cmocka_unit_test(requests_come_through),
		cmocka_unit_test(answers_come_through),
		cmocka_unit_test(ids_come_through),
		cmocka_unit_test(wrong_answers_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
