/*
 * dockerd's word on what became of a request. Input: the length of the pieces in which it comes (a
 * byte), and the text. It says the same in whatever pieces it comes; and of what jansson takes for
 * an object, it says what jansson says.
 */
#include <jansson.h>
#include <stdlib.h>

#include "dsp/core/base/text.h"
#include "dsp/core/record/authz_response.h"
#include "fuzz.h"

/* Feeds text in pieces, each on the heap alone. */
static bool scan(
	struct span text, size_t step, struct authz_response *s, struct request_outcome *ret)
{
	struct authz_more more = { .makers = true, .target_end = SPAN_INIT("=1") };
	struct request rq = { .has_token = false };
	bool readable;
	size_t n;
	char *body;

	authz_response_begin(s, &more);
	while (text.n > 0) {
		struct span piece = { text.s, step < text.n ? step : text.n };
		char *copy = fuzz_copy(piece);

		authz_response_parse(s, (struct span){ copy, piece.n });
		free(copy);
		text = span_after(text, piece.n);
	}
	readable = authz_response_end(s, ret);
	CHECK(more.wanted || (more.headers.n == 0 && more.body.n == 0));
	if (!authz_more_sender(&more, &rq))
		CHECK(more.headers.n > 0);
	if (authz_more_body(&more, &body, &n))
		CHECK(n <= more.body.n);
	authz_more_free(&more);
	return readable;
}

static void check_string(const json_t *o, const char *key, struct span got)
{
	const json_t *v = json_object_get(o, key);
	struct span wanted = { json_string_value(v), json_string_length(v) };

	CHECK(span_equal(got, json_is_string(v) ? wanted : SPAN("")));
}

static void check_meaning(struct span text, const struct request_outcome *got)
{
	json_t *o = json_loadb(text.s, text.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	json_int_t status = json_integer_value(json_object_get(o, "ResponseStatusCode"));

	if (json_is_object(o)) {
		check_string(o, "RequestMethod", got->method);
		check_string(o, "RequestUri", got->target);
		CHECK(got->status == 0 || got->status == (unsigned)status);
		/* The user comes first; behind a status nothing is read any more. */
		if (got->status == 0 || got->user.n > 0)
			check_string(o, "User", got->user);
	}
	json_decref(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct authz_response one;
	static struct authz_response other;
	struct request_outcome a = { .status = 0 };
	struct request_outcome b = { .status = 0 };
	struct span text = { (const char *)data + (size > 0), size > 0 ? size - 1 : 0 };
	bool readable = scan(text, text.n + 1, &one, &a);

	CHECK(scan(text, size > 0 ? data[0] % 32U + 1 : 1, &other, &b) == readable);
	if (!readable)
		return 0;
	CHECK(span_equal(a.method, b.method) && span_equal(a.target, b.target));
	CHECK(span_equal(a.user, b.user) && a.status == b.status);
	CHECK(span_equal(a.created, b.created));
	CHECK(a.created.n == 0 || (a.created.n == 64 && text_is_hex(a.created) && a.status == 201));
	CHECK(a.status == 0 || (a.status >= 100 && a.status <= 999));
	check_meaning(text, &a);
	return 0;
}
