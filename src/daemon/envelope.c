#include "dsp/envelope.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>

#include "dsp/b64.h"
#include "dsp/mem.h"

struct envelope {
	json_t *json;
	struct request request;
};

/* The end of a string that begins at s (on its first quote): on its last quote, or end. */
static const char *skip_string(const char *s, const char *end)
{
	for (s++; s < end && *s != '"'; s++) {
		if (*s == '\\')
			s++;
	}
	return s < end ? s : end;
}

/* Whether a key "RequestBody" and a colon were just passed: s is behind the key's last quote. */
static const char *after_colon(const char *s, const char *end)
{
	while (s < end && (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r'))
		s++;
	if (s == end || *s != ':')
		return NULL;
	for (s++; s < end && (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r'); s++)
		;
	return s;
}

/*
 * Finds the text of the top-level "RequestBody", so that up to 5.6 MiB of base64 need not go
 * through the JSON parser, which reads character by character. Only strings and brackets are
 * understood here; whether the rest is JSON is the parser's word, which sees "" in its place.
 * s is NULL when there is none.
 */
static struct span find_body(struct span message)
{
	static const char key[] = "\"RequestBody\"";
	const char *end = message.s + message.n;
	const struct span none = { NULL, 0 };
	int depth = 0;

	if (!memmem(message.s, message.n, key, sizeof(key) - 1))
		return none;
	for (const char *s = message.s; s < end; s++) {
		const char *close;
		const char *value;

		if (*s == '{' || *s == '[')
			depth++;
		else if (*s == '}' || *s == ']')
			depth--;
		if (*s != '"')
			continue;
		close = skip_string(s, end);
		if (depth == 1 && (size_t)(end - s) > sizeof(key) &&
			memcmp(s, key, sizeof(key) - 1) == 0) {
			value = after_colon(close + 1, end);
			if (!value || value == end || *value != '"')
				return none;
			close = memchr(value + 1, '"', (size_t)(end - value) - 1);
			if (!close)
				return none;
			return (struct span){ value + 1, (size_t)(close - value) - 1 };
		}
		s = close;
	}
	return none;
}

/* The message in up to two pieces, for the parser. */
struct pieces {
	struct span piece[2];
};

static size_t next_piece(void *buffer, size_t room, void *data)
{
	struct pieces *p = data;
	struct span *from = p->piece[0].n > 0 ? &p->piece[0] : &p->piece[1];
	size_t n = from->n < room ? from->n : room;

	if (n > 0)
		memcpy(buffer, from->s, n);
	*from = span_after(*from, n);
	return n;
}

static json_t *parse(struct span message, struct span cut, json_error_t *error)
{
	size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
	struct pieces p;
	const char *behind;

	if (!cut.s)
		return json_loadb(message.s, message.n, flags, error);
	behind = cut.s + cut.n;
	p.piece[0] = (struct span){ message.s, (size_t)(cut.s - message.s) };
	p.piece[1] = (struct span){ behind, (size_t)(message.s + message.n - behind) };
	return json_load_callback(next_piece, &p, flags, error);
}

static int take_string(const json_t *object, const char *key, struct span *ret, struct err *e)
{
	const json_t *v = json_object_get(object, key);

	if (!json_is_string(v))
		return FAIL(e, 0, "the question's %s is not a string", key);
	*ret = (struct span){ json_string_value(v), json_string_length(v) };
	return 0;
}

static int take_header(
	const json_t *headers, const char *key, bool *has, struct span *ret, struct err *e)
{
	*has = headers && json_object_get(headers, key) != NULL;
	return *has ? take_string(headers, key, ret, e) : 0;
}

static int take_headers(const json_t *json, struct request *rq, struct err *e)
{
	const json_t *headers = json_object_get(json, "RequestHeaders");

	if (json_is_null(headers))
		headers = NULL;
	if (headers && !json_is_object(headers))
		return FAIL(e, 0, "the question's RequestHeaders is not an object");
	if (take_header(headers, "Content-Type", &rq->has_content_type, &rq->content_type, e) != 0)
		return -1;
	return take_header(
		headers, "Content-Length", &rq->has_content_length, &rq->content_length, e);
}

static int take_body(
	const json_t *json, struct span cut, char *message, struct request *rq, struct err *e)
{
	const json_t *v = json_object_get(json, "RequestBody");

	if (!v || json_is_null(v))
		return 0;
	/* The parser saw "" where base64 was cut out; anything else was not found by the cut. */
	if (!json_is_string(v) || json_string_length(v) != 0 || !cut.s)
		return FAIL(e, 0, "the question's RequestBody is not base64");
	if (cut.n == 0)
		return 0;
	if (!b64_valid(cut))
		return FAIL(e, 0, "the question's RequestBody is not base64");
	rq->body64 = message + (cut.s - message);
	rq->body64_len = cut.n;
	return 0;
}

static int take_all(json_t *json, struct request *rq, struct err *e)
{
	const json_t *user = json_object_get(json, "User");

	if (!json_is_object(json))
		return FAIL(e, 0, "the question is not a JSON object");
	if (take_string(json, "RequestMethod", &rq->method, e) != 0 ||
		take_string(json, "RequestUri", &rq->target, e) != 0 ||
		(user && !json_is_null(user) && take_string(json, "User", &rq->user, e) != 0))
		return -1;
	if (rq->method.n == 0)
		return FAIL(e, 0, "the question's RequestMethod is empty");
	return take_headers(json, rq, e);
}

int envelope_read(char *message, size_t len, struct envelope **ret, struct err *e)
{
	struct span text = { message, len };
	struct span cut = find_body(text);
	struct envelope *env;
	json_error_t error;
	json_auto_t *json = NULL;

	/* What an AuthZReq looks like when dockerd repeats it after a broken call. */
	if (len == 0)
		return FAIL(e, 0,
			"the question is empty: it was cut off, and repeated without its text");
	if (cut.n > ENVELOPE_BODY64_MOST || len - cut.n > ENVELOPE_REST_MOST)
		return FAIL(e, EMSGSIZE, "the question is too big");
	json = parse(text, cut, &error);
	if (!json && json_error_code(&error) == json_error_out_of_memory)
		return FAIL(e, ENOMEM, "the question");
	if (!json)
		return FAIL(e, 0, "the question is not JSON (line %d, column %d)", error.line,
			error.column);
	env = mem_array(1, sizeof(*env));
	if (!env)
		return FAIL(e, ENOMEM, "the question");
	if (take_all(json, &env->request, e) != 0 ||
		take_body(json, cut, message, &env->request, e) != 0) {
		mem_free(env);
		return -1;
	}
	env->json = json_incref(json);
	*ret = env;
	return 0;
}

void envelope_free(struct envelope *env)
{
	if (!env)
		return;
	json_decref(env->json);
	mem_free(env);
}

const struct request *envelope_request(const struct envelope *env)
{
	return &env->request;
}

char *envelope_denial(const char *message)
{
	json_auto_t *json = json_pack("{s:b, s:s}", "Allow", 0, "Msg", message);

	return json_dumps(json, JSON_COMPACT);
}

char *envelope_error(const char *text)
{
	json_auto_t *json = json_pack("{s:s}", "Err", text);

	return json_dumps(json, JSON_COMPACT);
}

/* The length of the UTF-8 character at s, 0 when it is none (RFC 3629). */
static size_t utf8_length(struct span s)
{
	/* By the first byte: the length, and what the second may be. */
	static const struct {
		unsigned char first, last;
		unsigned char length;
		unsigned char least, most;
	} rows[] = {
		{ 0x00, 0x7f, 1, 0x00, 0x00 },
		{ 0xc2, 0xdf, 2, 0x80, 0xbf },
		{ 0xe0, 0xe0, 3, 0xa0, 0xbf },
		{ 0xe1, 0xec, 3, 0x80, 0xbf },
		{ 0xed, 0xed, 3, 0x80, 0x9f },
		{ 0xee, 0xef, 3, 0x80, 0xbf },
		{ 0xf0, 0xf0, 4, 0x90, 0xbf },
		{ 0xf1, 0xf3, 4, 0x80, 0xbf },
		{ 0xf4, 0xf4, 4, 0x80, 0x8f },
	};
	const unsigned char *c = (const unsigned char *)s.s;
	size_t row = 0;

	while (row < sizeof(rows) / sizeof(rows[0]) && c[0] > rows[row].last)
		row++;
	if (row == sizeof(rows) / sizeof(rows[0]) || c[0] < rows[row].first ||
		s.n < rows[row].length)
		return 0;
	if (rows[row].length > 1 && (c[1] < rows[row].least || c[1] > rows[row].most))
		return 0;
	for (size_t i = 2; i < rows[row].length; i++) {
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	}
	return rows[row].length;
}

/* A JSON string of in, with U+FFFD for each byte that is not UTF-8. */
static json_t *utf8_string(struct span in)
{
	AUTO_MEM char *out = mem_alloc(in.n * 3 + 1);
	size_t n = 0;

	if (!out)
		return NULL;
	while (in.n > 0) {
		size_t len = utf8_length(in);

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

char *envelope_question(struct span method, struct span target, struct span user,
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
