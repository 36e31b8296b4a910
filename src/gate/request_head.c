#include "request_head.h"

#include <stdio.h>
#include <strings.h>

#include "dsp/core/base/text.h"

#define VERSION " HTTP/1.1\r\n"

enum { LENGTH_DIGITS = 18 };

/* Headers that the gate reads or refuses. Each may come once, in no other spelling than by case. */
enum special {
	HOST,
	CONNECTION,
	UPGRADE,
	CONTENT_LENGTH,
	TRANSFER_ENCODING,
	/* refused */
	TOKEN,
	PEER,
	EXPECT,
	TRAILER,
	HTTP2_SETTINGS,
	SPECIALS
};

static const struct {
	const char *name;
	const char *refused; /* NULL: it may come */
} specials[SPECIALS] = {
	[HOST] = { "host", NULL },
	[CONNECTION] = { "connection", NULL },
	[UPGRADE] = { "upgrade", NULL },
	[CONTENT_LENGTH] = { "content-length", NULL },
	[TRANSFER_ENCODING] = { "transfer-encoding", NULL },
	[TOKEN] = { "x-dsp-token",
		"the request has a header X-Dsp-Token: dsp-gate adds the token of its socket, and a "
		"client sends none (look into HttpHeaders of ~/.docker/config.json)" },
	[PEER] = { "x-dsp-peer", "the request has a header X-Dsp-Peer, which only dsp-gate sends" },
	[EXPECT] = { "expect",
		"the request has a header Expect, which dsp-gate does not support (curl: -H "
		"Expect:)" },
	[TRAILER] = { "trailer",
		"the request has a header Trailer, which dsp-gate does not support" },
	[HTTP2_SETTINGS] = { "http2-settings",
		"the request asks for HTTP/2, and dsp-gate supports HTTP/1.1 alone" },
};

/* What was seen of a head. */
struct reading {
	struct request_head *head;
	struct span values[SPECIALS];
	bool seen[SPECIALS];
};

size_t request_head_length(struct span bytes)
{
	size_t first = span_find(bytes, '\n');

	if (first == bytes.n)
		return 0;
	if (!span_ends((struct span){ bytes.s, first + 1 }, SPAN(VERSION)))
		return first + 1;
	for (size_t at = first, next; at < bytes.n; at = next) {
		next = at + 1 + span_find(span_after(bytes, at + 1), '\n');
		if (next < bytes.n && (bytes.s[next - 1] != '\r' || next == at + 2))
			return next + 1;
	}
	return 0;
}

/* RFC 9110, 5.6.2: what a method and the name of a header are made of. */
static bool is_token(struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.s[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
			(c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
			return false;
	}
	return text.n > 0;
}

static bool is_word(struct span text, const char *word)
{
	return text.n == strlen(word) && strncasecmp(text.s, word, text.n) == 0;
}

/* The special header that name is, or that a reader could take it for; SPECIALS: none. */
static enum special special_of(struct span name, bool *exact)
{
	for (enum special s = 0; s < SPECIALS; s++) {
		const char *known = specials[s].name;
		size_t i = 0;

		*exact = true;
		while (i < name.n && known[i] != '\0' &&
			(strncasecmp(name.s + i, known + i, 1) == 0 ||
				(known[i] == '-' && name.s[i] == '_'))) {
			*exact = *exact && name.s[i] != '_';
			i++;
		}
		if (i == name.n && known[i] == '\0')
			return s;
	}
	return SPECIALS;
}

static int parse_request_line(struct span line, struct request_head *head, struct err *e)
{
	struct span rest;

	if (!span_ends(line, SPAN(VERSION)))
		return FAIL(e, 0,
			"the first line of the request does not end in HTTP/1.1 and CR LF: dsp-gate "
			"supports HTTP/1.1 alone");
	rest = (struct span){ line.s, line.n - SPAN(VERSION).n };
	head->method = span_cut(&rest, ' ');
	head->target = rest;
	for (size_t i = 0; i < head->method.n; i++) {
		if (head->method.s[i] < 'A' || head->method.s[i] > 'Z')
			return FAIL(e, 0, "the method of the request is not made of A-Z");
	}
	if (head->method.n == 0 || head->target.n == 0 || head->target.s[0] != '/')
		return FAIL(
			e, 0, "the target of the request is not a path that begins with a slash");
	for (size_t i = 0; i < head->target.n; i++) {
		if (head->target.s[i] <= ' ' || head->target.s[i] > '~')
			return FAIL(e, 0,
				"the target of the request has a blank, or a byte that is not "
				"printable ASCII");
	}
	return 0;
}

static int parse_special(
	enum special s, bool exact, struct span value, struct reading *r, struct err *e)
{
	if (specials[s].refused)
		return FAIL(e, 0, "%s", specials[s].refused);
	if (!exact)
		return FAIL(e, 0, "the request has a header that can be taken for %s",
			specials[s].name);
	if (r->seen[s])
		return FAIL(e, 0, "the request has more than one header %s", specials[s].name);
	r->seen[s] = true;
	r->values[s] = value;
	return 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Takes the blanks at its ends away. */
static int parse_value(struct span *value, struct err *e)
{
	while (value->n > 0 && is_blank(value->s[0]))
		*value = span_after(*value, 1);
	while (value->n > 0 && is_blank(value->s[value->n - 1]))
		value->n--;
	for (size_t i = 0; i < value->n; i++) {
		if (value->s[i] != '\t' && (value->s[i] < ' ' || value->s[i] > '~'))
			return FAIL(e, 0,
				"the request has a header with a byte that is not printable ASCII");
	}
	return 0;
}

/* One line, without CR LF. */
static int parse_header(struct span line, struct reading *r, struct err *e)
{
	struct request_head *head = r->head;
	struct span value = line;
	struct span name = span_cut(&value, ':');
	enum special s;
	bool exact;

	if (is_blank(line.s[0]))
		return FAIL(e, 0, "the request has a header that goes on in the next line");
	if (name.n == line.n || !is_token(name))
		return FAIL(e, 0, "the request has a header without a valid name and a colon");
	if (parse_value(&value, e) != 0)
		return -1;
	s = special_of(name, &exact);
	if (s != SPECIALS && parse_special(s, exact, value, r, e) != 0)
		return -1;
	if (s != SPECIALS && s != HOST)
		return 0;
	if (head->header_count == REQUEST_HEADERS_MOST)
		return FAIL(e, 0, "the request has more than %d headers", REQUEST_HEADERS_MOST);
	head->headers[head->header_count++] = (struct request_header){ name, value };
	return 0;
}

/* The gate writes this header itself: what it may ask for is known. */
static int check_connection(const struct reading *r, struct err *e)
{
	struct span rest = r->values[CONNECTION];

	while (rest.n > 0) {
		struct span word = span_cut(&rest, ',');

		if (parse_value(&word, e) != 0)
			return -1;
		if (!is_word(word, "close") && !is_word(word, "keep-alive") &&
			!is_word(word, "upgrade"))
			return FAIL(e, 0,
				"the header Connection of the request names something else than "
				"close, keep-alive and upgrade");
	}
	return 0;
}

static int parse_framing(const struct reading *r, struct err *e)
{
	struct request_head *head = r->head;
	struct span digits = r->values[CONTENT_LENGTH];

	if (r->seen[CONTENT_LENGTH] && r->seen[TRANSFER_ENCODING])
		return FAIL(e, 0, "the request has both Content-Length and Transfer-Encoding");
	if (r->seen[TRANSFER_ENCODING]) {
		if (!is_word(r->values[TRANSFER_ENCODING], "chunked"))
			return FAIL(e, 0, "the Transfer-Encoding of the request is not chunked");
		head->framing = FRAMING_CHUNKED;
		return 0;
	}
	if (!r->seen[CONTENT_LENGTH])
		return 0;
	if (digits.n == 0 || digits.n > LENGTH_DIGITS || (digits.n > 1 && digits.s[0] == '0'))
		return FAIL(e, 0, "the Content-Length of the request is not a decimal number");
	for (size_t i = 0; i < digits.n; i++) {
		if (digits.s[i] < '0' || digits.s[i] > '9')
			return FAIL(
				e, 0, "the Content-Length of the request is not a decimal number");
		head->length = head->length * 10 + (uint64_t)(digits.s[i] - '0');
	}
	head->framing = FRAMING_LENGTH;
	return 0;
}

static int parse_upgrade(const struct reading *r, struct err *e)
{
	static const char *const known[] = { "tcp", "h2c", "websocket" };
	struct span value = r->values[UPGRADE];

	if (!r->seen[UPGRADE])
		return 0;
	/* Until dockerd has answered, exactly the body may follow. */
	if (r->head->framing == FRAMING_CHUNKED)
		return FAIL(e, 0, "the request has both Upgrade and Transfer-Encoding");
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (is_word(value, known[i])) {
			r->head->upgrade = value;
			return 0;
		}
	}
	return FAIL(e, 0, "the request upgrades to something else than tcp, h2c and websocket");
}

int request_head_parse(struct span head, struct request_head *ret, struct err *e)
{
	struct reading r = { .head = ret };
	struct span rest = span_after(head, span_find(head, '\n'));

	*ret = (struct request_head){ .header_count = 0 };
	if (parse_request_line((struct span){ head.s, head.n - rest.n + (rest.n > 0) }, ret, e) !=
		0)
		return -1;
	rest = span_after(rest, 1);
	for (;;) {
		struct span line = span_cut(&rest, '\n');

		if (line.n == 0 || line.s[line.n - 1] != '\r')
			return FAIL(e, 0, "the request has a line that does not end in CR LF");
		line.n--;
		if (line.n == 0)
			break;
		if (parse_header(line, &r, e) != 0)
			return -1;
	}
	if (!r.seen[HOST])
		return FAIL(e, 0, "the request has no header Host");
	if (check_connection(&r, e) != 0 || parse_framing(&r, e) != 0)
		return -1;
	return parse_upgrade(&r, e);
}

static size_t add(char *out, size_t n, struct span text)
{
	memcpy(out + n, text.s, text.n);
	return n + text.n;
}

static size_t add_header(char *out, size_t n, struct span name, struct span value)
{
	n = add(out, n, name);
	n = add(out, n, SPAN(": "));
	n = add(out, n, value);
	return add(out, n, SPAN("\r\n"));
}

static size_t add_number(char *out, size_t n, uint64_t number)
{
	char text[sizeof("18446744073709551615")];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	return add_header(out, n, SPAN("Content-Length"), span_of(text));
}

/* As dspd parses it: core/parse/peer.h. */
static size_t add_client(char *out, size_t n, const struct gate_client *client)
{
	char text[96];

	(void)snprintf(text, sizeof(text), "X-Dsp-Peer: uid=%u gid=%u pid=%d", client->who.uid,
		client->who.gid, client->who.pid);
	n = add(out, n, span_of(text));
	for (size_t i = 0; i < client->group_count; i++) {
		(void)snprintf(
			text, sizeof(text), "%s%u", i == 0 ? " groups=" : ",", client->groups[i]);
		n = add(out, n, span_of(text));
	}
	return add(out, n, SPAN("\r\n"));
}

size_t request_head_write(const struct request_head *head, struct span token,
	const struct gate_client *client, char out[REQUEST_HEAD_ROOM])
{
	size_t n = add(out, 0, head->method);

	n = add(out, n, SPAN(" "));
	n = add(out, n, head->target);
	n = add(out, n, SPAN(VERSION));
	for (size_t i = 0; i < head->header_count; i++)
		n = add_header(out, n, head->headers[i].name, head->headers[i].value);
	if (head->framing == FRAMING_LENGTH)
		n = add_number(out, n, head->length);
	else if (head->framing == FRAMING_CHUNKED)
		n = add_header(out, n, SPAN("Transfer-Encoding"), SPAN("chunked"));
	if (head->upgrade.n > 0) {
		n = add_header(out, n, SPAN("Connection"), SPAN("Upgrade, close"));
		n = add_header(out, n, SPAN("Upgrade"), head->upgrade);
	} else {
		n = add_header(out, n, SPAN("Connection"), SPAN("close"));
	}
	n = add_header(out, n, SPAN("X-Dsp-Token"), token);
	n = add_client(out, n, client);
	return add(out, n, SPAN("\r\n"));
}
