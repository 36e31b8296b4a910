#include "dsp/protocol/envelope.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>

#include "dsp/core/base/b64.h"
#include "dsp/core/base/json_reader.h"
#include "dsp/core/base/json_writer.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/parse/certificate.h"

/* The members of dockerd's request that dsp reads. Others are skipped, but must be JSON. */
enum part {
	PART_METHOD,
	PART_TARGET,
	PART_USER,
	PART_HEADERS,
	PART_BODY,
	PART_CERTIFICATES,
	PART_COUNT,
};

static const struct span parts[PART_COUNT] = {
	[PART_METHOD] = SPAN_INIT("RequestMethod"),
	[PART_TARGET] = SPAN_INIT("RequestUri"),
	[PART_USER] = SPAN_INIT("User"),
	[PART_HEADERS] = SPAN_INIT("RequestHeaders"),
	[PART_BODY] = SPAN_INIT("RequestBody"),
	[PART_CERTIFICATES] = SPAN_INIT("RequestPeerCertificates"),
};

/* Skips a null in the place of a value that may be absent. */
static bool skip_null(struct json_reader *r)
{
	return json_reader_peek(r) == 'n' && json_reader_skip(r);
}

static int parse_string(struct json_reader *r, const char *what, struct span *ret, struct err *e)
{
	if (json_reader_peek(r) != '"')
		return FAIL(e, 0, "the AuthZReq message's %s is not a string", what);
	if (!json_reader_string(r, ret))
		return FAIL(e, 0, "the AuthZReq message's %s is not JSON", what);
	return 0;
}

static int parse_header(
	struct json_reader *r, const char *what, bool *has, struct span *ret, struct err *e)
{
	if (*has)
		return FAIL(e, 0, "the AuthZReq message has %s twice", what);
	*has = true;
	return parse_string(r, what, ret, e);
}

static int parse_headers(struct json_reader *r, struct request *rq, struct err *e)
{
	struct span key;
	bool first = true;
	int more;

	if (skip_null(r))
		return 0;
	if (json_reader_peek(r) != '{')
		return FAIL(e, 0, "the AuthZReq message's RequestHeaders is not an object");
	while ((more = json_reader_member(r, &first, &key)) > 0) {
		int rc = 0;

		if (span_equal(key, SPAN("Content-Type")))
			rc = parse_header(
				r, "Content-Type", &rq->has_content_type, &rq->content_type, e);
		else if (span_equal(key, SPAN("Content-Length")))
			rc = parse_header(r, "Content-Length", &rq->has_content_length,
				&rq->content_length, e);
		else if (span_equal(key, SPAN("X-Dsp-Token")))
			rc = parse_header(r, "X-Dsp-Token", &rq->has_token, &rq->token, e);
		else if (span_equal(key, SPAN("X-Dsp-Peer")))
			rc = parse_header(r, "X-Dsp-Peer", &rq->has_peer, &rq->peer, e);
		else if (!json_reader_skip(r))
			rc = FAIL(e, 0, "the AuthZReq message's RequestHeaders is not JSON");
		if (rc != 0)
			return -1;
	}
	return more == 0 ? 0 : FAIL(e, 0, "the AuthZReq message's RequestHeaders is not JSON");
}

/*
 * Base64 has no escapes, so the next quote ends it: no need to read 5.6 MiB byte by byte. It is
 * decoded even where no operation needs it, for the message must be right as a whole.
 */
static int parse_body(struct json_reader *r, struct request *rq, struct err *e)
{
	char *close;
	size_t n;

	if (skip_null(r))
		return 0;
	if (!json_reader_accept(r, '"'))
		return FAIL(e, 0, "the AuthZReq message's RequestBody is not base64");
	close = memchr(r->at, '"', (size_t)(r->end - r->at));
	if (!close || !b64_decode_strict(r->at, (size_t)(close - r->at), &n))
		return FAIL(e, 0, "the AuthZReq message's RequestBody is not base64");
	if (n > ENVELOPE_BODY_MOST)
		return FAIL(e, EMSGSIZE, "the AuthZReq message is too big");
	if (n > 0) {
		rq->body = r->at;
		rq->body_len = n;
	}
	r->at = close + 1;
	return 0;
}

static int parse_certificates(struct json_reader *r, struct request *rq, struct err *e)
{
	if (skip_null(r) || certificate_in_list(r, &rq->certificate))
		return 0;
	return FAIL(e, 0, "the AuthZReq message's RequestPeerCertificates is not a list of texts");
}

static int parse_value(struct json_reader *r, enum part part, struct request *rq, struct err *e)
{
	switch (part) {
	case PART_METHOD:
		return parse_string(r, "RequestMethod", &rq->method, e);
	case PART_TARGET:
		return parse_string(r, "RequestUri", &rq->target, e);
	case PART_USER:
		return skip_null(r) ? 0 : parse_string(r, "User", &rq->user, e);
	case PART_HEADERS:
		return parse_headers(r, rq, e);
	case PART_BODY:
		return parse_body(r, rq, e);
	case PART_CERTIFICATES:
		return parse_certificates(r, rq, e);
	case PART_COUNT:
		break;
	}
	return json_reader_skip(r) ? 0 : FAIL(e, 0, "the AuthZReq message is not JSON");
}

static int parse_part(struct json_reader *r, enum part part, struct request *rq, struct err *e)
{
	const char *begin = r->at;

	if (parse_value(r, part, rq, e) != 0)
		return -1;
	if (part == PART_HEADERS)
		rq->headers_n = (size_t)(r->at - begin);
	else if (part < PART_HEADERS)
		rq->texts_n += (size_t)(r->at - begin);
	return 0;
}

static int parse_all(struct json_reader *r, struct request *rq, struct err *e)
{
	const char *begin = r->at;
	unsigned seen = 0;
	struct span key;
	bool first = true;
	int more;

	if (json_reader_peek(r) != '{')
		return FAIL(e, 0, "the AuthZReq message is not a JSON object");
	while ((more = json_reader_member(r, &first, &key)) > 0) {
		enum part part = PART_METHOD;

		while (part < PART_COUNT && !span_equal(key, parts[part]))
			part++;
		if (part < PART_COUNT && (seen & 1U << part))
			return FAIL(e, 0, "the AuthZReq message has %s twice", parts[part].s);
		seen |= 1U << part;
		if (parse_part(r, part, rq, e) != 0)
			return -1;
	}
	if (more != 0 || !json_reader_at_end(r))
		return FAIL(e, 0, "the AuthZReq message is not JSON (byte %zu)",
			(size_t)(r->at - begin) + 1);
	if (!(seen & 1U << PART_METHOD) || !(seen & 1U << PART_TARGET))
		return FAIL(e, 0, "the AuthZReq message has no RequestMethod or no RequestUri");
	return rq->method.n > 0 ? 0 : FAIL(e, 0, "the AuthZReq message's RequestMethod is empty");
}

int envelope_parse(char *message, size_t len, struct request *ret, struct err *e)
{
	struct json_reader r = { message, message + len };

	*ret = (struct request){ .body = NULL };
	if (len == 0)
		return FAIL(e, 0, "the AuthZReq message is empty");
	if (parse_all(&r, ret, e) != 0)
		return -1;
	if (len - b64_encoded_length(ret->body_len) > ENVELOPE_REST_MOST)
		return FAIL(e, EMSGSIZE, "the AuthZReq message is too big");
	return 0;
}

/* An object that begins with head, up to the value of its last member: text. */
static char *write_object(struct span head, const char *text)
{
	struct span value = span_of(text);
	struct json_writer w = { .cap = head.n + 2 + value.n * JSON_WRITER_EXACT_MOST + 1 };

	w.out = mem_alloc(w.cap + 1);
	if (!w.out)
		return NULL;
	json_writer_raw(&w, head);
	json_writer_exact(&w, value);
	json_writer_raw(&w, SPAN("}"));
	w.out[w.n] = '\0';
	return w.out;
}

char *envelope_denial(const char *message)
{
	return write_object(SPAN("{\"Allow\":false,\"Msg\":"), message);
}

char *envelope_error(const char *text)
{
	return write_object(SPAN("{\"Err\":"), text);
}

/* A JSON string of in, with U+FFFD for each byte that is not UTF-8. */
static json_t *utf8_string(struct span in)
{
	AUTO_MEM char *out = mem_alloc(in.n * 3 + 1);
	size_t n = 0;

	if (!out)
		return NULL;
	while (in.n > 0) {
		size_t len = text_utf8(in);

		if (len > 0)
			memcpy(out + n, in.s, len);
		else
			/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): it has a length */
			memcpy(out + n, "\xef\xbf\xbd", 3);
		n += len > 0 ? len : 3;
		in = span_after(in, len > 0 ? len : 1);
	}
	return json_stringn(out, n);
}

/* Go's textproto.CanonicalMIMEHeaderKey: Content-Type. */
static json_t *header_object(const char *const *headers)
{
	json_t *object = json_object();

	for (; object && *headers; headers++) {
		struct span line = span_of(*headers);
		size_t colon = span_find(line, ':');
		struct span value = span_after(line, colon < line.n ? colon + 1 : colon);
		AUTO_MEM char *name = mem_copy(line.s, colon);
		json_t *text;

		while (value.n > 0 && (value.s[0] == ' ' || value.s[0] == '\t'))
			value = span_after(value, 1);
		text = utf8_string(value);
		for (size_t i = 0; name && i < colon; i++) {
			bool first = i == 0 || name[i - 1] == '-';

			name[i] = (char)(first ? toupper((unsigned char)name[i])
					       : tolower((unsigned char)name[i]));
		}
		if (!name || json_object_set_new(object, name, text) != 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

char *envelope_request(struct span method, struct span target, struct span user,
	const char *const *headers, const struct span *body)
{
	AUTO_MEM char *body64 = body && body->n > 0 ? b64_encode(*body) : NULL;
	json_auto_t *json = json_object();

	if (!json || (body && body->n > 0 && !body64))
		return NULL;
	if ((user.n > 0 && json_object_set_new(json, "User", utf8_string(user)) != 0) ||
		json_object_set_new(json, "RequestMethod", utf8_string(method)) != 0 ||
		json_object_set_new(json, "RequestUri", utf8_string(target)) != 0 ||
		json_object_set_new(json, "RequestHeaders", header_object(headers)) != 0)
		return NULL;
	if (body64 && json_object_set_new(json, "RequestBody", json_string(body64)) != 0)
		return NULL;
	return json_dumps(json, JSON_COMPACT);
}
