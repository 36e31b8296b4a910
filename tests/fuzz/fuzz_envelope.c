/*
 * envelope_parse. Input: the question's text. What is accepted says the same when the whole text,
 * base64 included, goes through the JSON parser; and its body decodes to what it holds.
 */
#include <jansson.h>
#include <stdlib.h>

#include "dsp/core/base/b64.h"
#include "dsp/core/base/mem.h"
#include "dsp/protocol/envelope.h"
#include "fuzz.h"

static struct span string_of(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);

	CHECK(v == NULL || json_is_null(v) || json_is_string(v));
	return (struct span){ json_string_value(v), json_string_length(v) };
}

static void check_body(struct span text, const struct request *rq)
{
	char *expected = fuzz_room(text.n);
	char *decoded = fuzz_copy(text);
	char *encoded;
	size_t n;

	CHECK(b64_valid(text) && text.n % 4 == 0);
	n = fuzz_base64(text, expected);
	CHECK(b64_decode(decoded, text.n) == n && memcmp(decoded, expected, n) == 0);
	CHECK(rq->body_len == n && memcmp(rq->body, expected, n) == 0);
	encoded = b64_encode((struct span){ expected, n });
	CHECK(encoded != NULL && span_equal(span_of(encoded), text));
	mem_free(encoded);
	free(decoded);
	free(expected);
}

static void check_headers(const json_t *json, const struct request *rq)
{
	const json_t *headers = json_object_get(json, "RequestHeaders");

	CHECK(headers == NULL || json_is_null(headers) || json_is_object(headers));
	CHECK(rq->has_content_type == (json_object_get(headers, "Content-Type") != NULL));
	CHECK(rq->has_content_length == (json_object_get(headers, "Content-Length") != NULL));
	CHECK(span_equal(rq->content_type, string_of(headers, "Content-Type")));
	CHECK(span_equal(rq->content_length, string_of(headers, "Content-Length")));
}

static void check_accepted(struct span text, const struct request *rq)
{
	json_error_t error;
	json_t *json = json_loadb(text.s, text.n, JSON_ALLOW_NUL, &error);
	struct span body;

	/* Numbers are skipped unread, so their size is no matter. */
	if (!json && json_error_code(&error) == json_error_numeric_overflow)
		return;
	CHECK(json_is_object(json));
	CHECK(json_is_string(json_object_get(json, "RequestMethod")));
	CHECK(json_is_string(json_object_get(json, "RequestUri")));
	CHECK(rq->method.n > 0 && span_equal(rq->method, string_of(json, "RequestMethod")));
	CHECK(span_equal(rq->target, string_of(json, "RequestUri")));
	CHECK(span_equal(rq->user, string_of(json, "User")));
	check_headers(json, rq);
	body = string_of(json, "RequestBody");
	CHECK((rq->body != NULL) == (body.n > 0));
	if (rq->body)
		check_body(body, rq);
	json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = { (const char *)data, size };
	char *message = fuzz_copy(text);
	struct request request;
	struct err e;

	if (envelope_parse(message, size, &request, &e) == 0) {
		check_accepted(text, &request);
	} else {
		CHECK(e.code == 0 && fuzz_printable(e.text));
	}
	free(message);
	return 0;
}
