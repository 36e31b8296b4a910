#include "dsp/core/record/authz_response.h"

#include "dsp/core/base/b64.h"
#include "dsp/core/base/json_reader.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/parse/certificate.h"
#include "dsp/core/parse/target.h"

enum state { BEGIN, KEY, IN_KEY, COLON, VALUE, STRING, NUMBER, OTHER, ENDED };

enum {
	FIELD_CERTIFICATES = -5,
	FIELD_HEADERS,
	FIELD_BODY,
	FIELD_NOTHING,
	FIELD_STATUS,
	FIELD_METHOD,
	FIELD_TARGET,
	FIELD_USER
};

enum { STATUS_MOST = 999, STATUS_CREATED = 201, ID_DIGITS = 64 };

/* Bytes of method, target and user of a request whose response is parsed for sure. */
enum { TEXTS_MOST = AUTHZ_RESPONSE_ROOM - 128, MORE_ROOM = 256 };

static const struct span names[AUTHZ_RESPONSE_TEXTS] = {
	[FIELD_METHOD] = SPAN_INIT("RequestMethod"),
	[FIELD_TARGET] = SPAN_INIT("RequestUri"),
	[FIELD_USER] = SPAN_INIT("User"),
};

void authz_response_begin(struct authz_response *s, struct authz_more *more)
{
	s->more = more;
	s->state = BEGIN;
	s->escaped = s->in_string = s->failed = s->enough = s->done = false;
	s->depth = s->key_n = 0;
	s->field = FIELD_NOTHING;
	for (size_t i = 0; i < AUTHZ_RESPONSE_TEXTS; i++)
		s->at[i] = s->end[i] = 0;
	s->status = 0;
	s->body_n = 0;
	s->n = 1; /* so that no text begins at 0 */
}

static void append(struct authz_response *s, char c)
{
	if (s->n == sizeof(s->text))
		s->failed = true;
	else
		s->text[s->n++] = c;
}

static void keep(struct authz_text *t, char c)
{
	if (t->n == t->room && !t->lost) {
		size_t room = t->room > 0 ? t->room * 2 : MORE_ROOM;
		char *text = room <= AUTHZ_RESPONSE_MORE ? mem_resize(t->text, room) : NULL;

		t->lost = !text;
		if (text) {
			t->text = text;
			t->room = room;
		}
	}
	if (!t->lost)
		t->text[t->n++] = c;
}

/* The field that a key names. A key that comes twice makes the message unreadable. */
static int field_of(struct authz_response *s)
{
	struct span key = { s->key, s->key_n };

	for (int i = 0; i < AUTHZ_RESPONSE_TEXTS; i++) {
		if (!span_equal(key, names[i]))
			continue;
		s->failed = s->failed || s->at[i] > 0;
		return i;
	}
	if (span_equal(key, SPAN("ResponseBody")) && s->body_n == 0)
		return FIELD_BODY;
	if (span_equal(key, SPAN("RequestHeaders"))) {
		/* Who sent the request is known only if its target came before. */
		s->failed = s->failed || (s->more && s->more->makers && s->at[FIELD_TARGET] == 0);
		return FIELD_HEADERS;
	}
	if (span_equal(key, SPAN("RequestPeerCertificates")))
		return FIELD_CERTIFICATES;
	return span_equal(key, SPAN("ResponseStatusCode")) ? FIELD_STATUS : FIELD_NOTHING;
}

/* Where the value at hand is kept, which tells who sent the request; NULL: it is not kept. */
static struct authz_text *sender_text(const struct authz_response *s)
{
	if (!s->more || !s->more->wanted)
		return NULL;
	if (s->field == FIELD_HEADERS)
		return &s->more->headers;
	return s->field == FIELD_CERTIFICATES ? &s->more->certificates : NULL;
}

static void begin_value(struct authz_response *s, char c)
{
	struct authz_text *sender = sender_text(s);

	s->escaped = false;
	s->state = OTHER;
	s->depth = c == '{' || c == '[';
	s->in_string = false;
	if (s->field == FIELD_STATUS)
		s->status = 0;
	if (sender) {
		s->failed = s->failed || s->depth == 0 || sender->n > 0;
		keep(sender, c);
	}
	if (c == '"') {
		s->state = STRING;
		if (s->field >= 0) {
			s->at[s->field] = s->n;
			append(s, c);
		}
	} else if (s->field == FIELD_STATUS && c >= '0' && c <= '9') {
		s->state = NUMBER;
		s->status = (unsigned)(c - '0');
	} else if (c == ',' || c == '}' || c == ']' || c == ':') {
		s->failed = true;
	}
}

/* Whether the path ends so. dsp allows no path in which dockerd would repair something. */
static bool is_path(const struct authz_response *s, struct span end)
{
	struct span target = { s->text + s->at[FIELD_TARGET] + 1, 0 };

	target.n = s->end[FIELD_TARGET] - s->at[FIELD_TARGET] - 2;
	target.n = span_find(target, '?');
	return span_ends(target, end);
}

/* Whether it is the answer to a create, whose body has the container's id. */
static bool is_create(const struct authz_response *s)
{
	return s->status == STATUS_CREATED && is_path(s, SPAN("/containers/create"));
}

/* By the path as dockerd reads it: a client may write any letter of it as %XX. */
static enum authz_deed deed_of(struct span target)
{
	static const struct {
		struct span end;
		enum authz_deed deed;
	} rows[] = {
		{ SPAN_INIT("/containers/create"), AUTHZ_MAKES_CONTAINER },
		{ SPAN_INIT("/networks/create"), AUTHZ_MAKES_NETWORK },
		{ SPAN_INIT("/volumes/create"), AUTHZ_MAKES_VOLUME },
		{ SPAN_INIT("/containers/prune"), AUTHZ_PRUNES },
		{ SPAN_INIT("/volumes/prune"), AUTHZ_PRUNES },
	};
	char plain[TEXTS_MOST];
	struct span path = { target.s, span_find(target, '?') };
	long n = path.n <= sizeof(plain) ? target_unescape(path, plain) : -1;

	for (size_t i = 0; n > 0 && i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (span_ends((struct span){ plain, (size_t)n }, rows[i].end))
			return rows[i].deed;
	}
	return AUTHZ_OTHER;
}

/* Whether the request may do something; before its method is known it may. */
static bool may_act(const struct authz_response *s)
{
	struct span method = { s->text + s->at[FIELD_METHOD] + 1, 0 };

	if (s->end[FIELD_METHOD] == 0)
		return true;
	method.n = s->end[FIELD_METHOD] - s->at[FIELD_METHOD] - 2;
	return !span_equal(method, SPAN("GET")) && !span_equal(method, SPAN("HEAD"));
}

static void set_wanted(struct authz_response *s)
{
	struct authz_more *more = s->more;
	struct span target = { s->text + s->at[FIELD_TARGET] + 1, 0 };

	target.n = s->end[FIELD_TARGET] - s->at[FIELD_TARGET] - 2;
	if (more->makers)
		more->deed = deed_of(target);
	more->wanted = (more->makers && may_act(s)) ||
		(more->target_end.n > 0 && span_ends(target, more->target_end));
}

/* Whether the whole body of the response is kept. */
static bool keeps_body(const struct authz_response *s)
{
	return s->more && s->more->deed != AUTHZ_OTHER && s->enough && s->status / 100 == 2;
}

/* dockerd writes the status after the other fields, and the response's body after the status. */
static void end_value(struct authz_response *s, char c)
{
	if (s->state == NUMBER) {
		s->enough = s->at[FIELD_METHOD] > 0 && s->at[FIELD_TARGET] > 0;
		s->done = s->enough && !is_create(s) && !keeps_body(s);
	}
	s->state = c == '}' ? ENDED : KEY;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void parse_digit(struct authz_response *s, char c)
{
	if (c == ',' || c == '}')
		end_value(s, c);
	else if (c >= '0' && c <= '9' && s->status <= STATUS_MOST)
		s->status = s->status * 10 + (unsigned)(c - '0');
	else if (is_blank(c))
		s->state = OTHER;
	else
		s->failed = true;
}

/* Anything but a string or the status ends where its brackets are closed. */
static void skip_byte(struct authz_response *s, char c)
{
	struct authz_text *sender = s->depth > 0 ? sender_text(s) : NULL;

	if (sender)
		keep(sender, c);
	if (s->in_string) {
		s->in_string = s->escaped || c != '"';
		s->escaped = !s->escaped && c == '\\';
	} else if (c == '"') {
		s->in_string = true;
	} else if (c == '{' || c == '[') {
		s->depth++;
	} else if (s->depth == 0 && (c == ',' || c == '}')) {
		end_value(s, c);
	} else if (c == '}' || c == ']') {
		s->failed = s->failed || s->depth == 0;
		s->depth -= s->depth > 0;
	}
}

static void parse_char(struct authz_response *s, char c)
{
	if (s->field >= 0)
		append(s, c);
	else if (s->field == FIELD_BODY && s->body_n < sizeof(s->body))
		s->body[s->body_n++] = c;
	if (s->field == FIELD_BODY && keeps_body(s) && c != '"')
		keep(&s->more->body, c);
	else
		s->done = s->enough && s->body_n == sizeof(s->body);
	if (!s->escaped && c == '"') {
		if (s->field >= 0)
			s->end[s->field] = s->n;
		if (s->field == FIELD_TARGET && s->more)
			set_wanted(s);
		s->state = OTHER;
		s->depth = 0;
	}
	s->escaped = !s->escaped && c == '\\';
}

/* Between values: blanks are skipped, and exactly one thing may follow. */
static void parse_punctuation(struct authz_response *s, char c)
{
	if (is_blank(c))
		return;
	if (s->state == VALUE) {
		begin_value(s, c);
	} else if (s->state == BEGIN && c == '{') {
		s->state = KEY;
	} else if (s->state == KEY && c == '"') {
		s->state = IN_KEY;
		s->key_n = 0;
	} else if (s->state == COLON && c == ':') {
		s->state = VALUE;
		s->field = field_of(s);
	} else if (s->state == KEY && c == '}') {
		s->state = ENDED;
	} else {
		s->failed = true;
	}
}

/* The keys needed are short, and dockerd escapes none; an escaped one could be any of them. */
static void parse_key(struct authz_response *s, char c)
{
	if (c == '"')
		s->state = COLON;
	else if (c == '\\')
		s->failed = true;
	else if (s->key_n < sizeof(s->key))
		s->key[s->key_n++] = c;
}

static void parse_byte(struct authz_response *s, char c)
{
	switch ((enum state)s->state) {
	case BEGIN:
	case KEY:
	case COLON:
	case VALUE:
	case ENDED:
		parse_punctuation(s, c);
		break;
	case IN_KEY:
		parse_key(s, c);
		break;
	case STRING:
		parse_char(s, c);
		break;
	case NUMBER:
		parse_digit(s, c);
		break;
	case OTHER:
		skip_byte(s, c);
		break;
	}
}

/* Whether each byte of the text at hand counts alike, but for quotes and backslashes. */
static bool in_plain_text(const struct authz_response *s)
{
	if (s->state == IN_KEY)
		return true;
	if (s->escaped)
		return false;
	if (s->state == OTHER)
		return s->in_string && !sender_text(s);
	/* No text is kept behind the status but the body's. */
	return s->state == STRING && !(s->field >= 0 && s->enough) &&
		!(s->field == FIELD_BODY && keeps_body(s));
}

/* Adds bytes to the first n of a buffer as far as they fit, and returns how many did. */
static size_t add_bytes(char *out, size_t n, size_t cap, struct span bytes)
{
	size_t fits = bytes.n < cap - n ? bytes.n : cap - n;

	if (fits > 0)
		memcpy(out + n, bytes.s, fits);
	return fits;
}

/* Parses a text up to a quote or a backslash at once. Returns how many bytes that are. */
static size_t parse_run(struct authz_response *s, struct span piece)
{
	struct span run = { piece.s, span_find(piece, '"') };
	size_t n;

	run.n = span_find(run, '\\');
	if (s->state == IN_KEY) {
		s->key_n += add_bytes(s->key, s->key_n, sizeof(s->key), run);
	} else if (s->state == STRING && s->field >= 0) {
		n = add_bytes(s->text, s->n, sizeof(s->text), run);
		s->n += n;
		s->failed = s->failed || n < run.n;
	} else if (s->state == STRING && s->field == FIELD_BODY) {
		s->body_n += add_bytes(s->body, s->body_n, sizeof(s->body), run);
		s->done = s->enough && s->body_n == sizeof(s->body);
	}
	return run.n;
}

void authz_response_parse(struct authz_response *s, struct span piece)
{
	while (piece.n > 0 && !s->failed && !s->done) {
		size_t n = in_plain_text(s) ? parse_run(s, piece) : 0;

		if (n == 0) {
			parse_byte(s, piece.s[0]);
			n = 1;
		}
		piece = span_after(piece, n);
	}
}

/* The id of the container that was created, in place; empty: none was, or dockerd names none. */
static struct span created_id(struct authz_response *s)
{
	static const char begin[] = "{\"Id\":\"";
	struct span none = { NULL, 0 };
	struct span body = { s->body, s->body_n };
	struct span id;

	if (s->at[FIELD_TARGET] == 0 || !is_create(s) || body.n < sizeof(s->body) ||
		!b64_valid(body))
		return none;
	body.n = b64_decode(s->body, body.n);
	if (!span_starts(body, SPAN(begin)) || body.n != strlen(begin) + ID_DIGITS + 1)
		return none;
	id = (struct span){ body.s + strlen(begin), ID_DIGITS };
	return text_is_hex(id) && body.s[body.n - 1] == '"' ? id : none;
}

bool authz_response_end(struct authz_response *s, struct request_outcome *ret)
{
	struct span *const texts[AUTHZ_RESPONSE_TEXTS] = { &ret->method, &ret->target, &ret->user };

	if (s->failed || (!s->enough && s->state != ENDED))
		return false;
	ret->created = created_id(s); /* before its target is decoded */
	for (size_t i = 0; i < AUTHZ_RESPONSE_TEXTS; i++) {
		struct json_reader r = { s->text + s->at[i], s->text + s->end[i] };

		*texts[i] = (struct span){ NULL, 0 };
		if (s->at[i] > 0 && !json_reader_string(&r, texts[i]))
			return false;
	}
	ret->status = s->status >= 100 && s->status <= STATUS_MOST ? s->status : 0;
	return ret->method.n > 0 && ret->target.n > 0;
}

const char *authz_response_obstacle(const struct request *rq)
{
	if (rq->texts_n > TEXTS_MOST)
		return "its path and query are longer than dsp can match with dockerd's answer: "
		       "shorten them to 3 KiB";
	return rq->headers_n > AUTHZ_RESPONSE_MORE
		? "its headers are longer than dsp can match with dockerd's answer: shorten them "
		  "to 128 KiB"
		: NULL;
}

/* --- more --------------------------------------------------------------------------------------*/

/* The value of a header of this name, if key is it; has: it came before. */
static bool parse_sender(
	struct json_reader *r, struct span key, struct span name, bool *has, struct span *ret)
{
	if (!span_equal(key, name))
		return true;
	if (*has || json_reader_peek(r) != '"')
		return false;
	*has = true;
	return json_reader_string(r, ret);
}

static bool parse_headers(struct authz_text *headers, struct request *rq)
{
	struct json_reader r = { headers->text, headers->text + headers->n };
	bool first = true;
	struct span key;
	int step;

	if (headers->lost)
		return false;
	if (headers->n == 0)
		return true;
	while ((step = json_reader_member(&r, &first, &key)) > 0) {
		const char *value = r.at;

		if (!parse_sender(&r, key, SPAN("X-Dsp-Token"), &rq->has_token, &rq->token) ||
			!parse_sender(&r, key, SPAN("X-Dsp-Peer"), &rq->has_peer, &rq->peer) ||
			(r.at == value && !json_reader_skip(&r)))
			return false;
	}
	return step == 0 && json_reader_at_end(&r);
}

static bool parse_certificates(struct authz_text *list, struct request *rq)
{
	struct json_reader r = { list->text, list->text + list->n };

	if (list->lost)
		return false;
	return list->n == 0 ||
		(certificate_in_list(&r, &rq->certificate) && json_reader_at_end(&r));
}

bool authz_more_sender(struct authz_more *more, struct request *rq)
{
	rq->has_token = rq->has_peer = false;
	rq->token = rq->peer = rq->certificate = (struct span){ NULL, 0 };
	return parse_headers(&more->headers, rq) && parse_certificates(&more->certificates, rq);
}

bool authz_more_body(struct authz_more *more, char **body, size_t *n)
{
	*body = more->body.text;
	*n = 0;
	return !more->body.lost && more->body.n > 0 &&
		b64_decode_strict(more->body.text, more->body.n, n);
}

void authz_more_free(struct authz_more *more)
{
	mem_free(more->headers.text);
	mem_free(more->certificates.text);
	mem_free(more->body.text);
}
