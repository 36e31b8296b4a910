#include "watch_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dsp/core/base/text.h"
#include "dsp/protocol/protocol.h"

enum { WAIT_MS = 2000 };

void watch_client_free(struct watch_client *c)
{
	if (c->has_reply)
		http_reply_free(&c->reply);
	c->has_reply = false;
	c->rest = (struct span){ NULL, 0 };
}

/* The cursor goes into the next request's target, and so must not have any other bytes. */
static bool is_name(const char *text, size_t room)
{
	size_t n = text ? strspn(text, "0123456789abcdef-") : 0;

	return n > 0 && text[n] == '\0' && n < room;
}

/*
 * Parses the reply's last line, which says where the lines before it end. -1: the reply is cut off,
 * or none of a dspd.
 */
static int parse_reply(struct watch_client *c)
{
	struct span lines = { c->reply.body, c->reply.len };
	json_auto_t *o = NULL;
	const char *cursor;
	const char *instance;
	size_t n;

	if (lines.n == 0 || lines.s[lines.n - 1] != '\n')
		return -1;
	n = lines.n - 1;
	while (n > 0 && lines.s[n - 1] != '\n')
		n--;
	o = json_loadb(lines.s + n, lines.n - 1 - n, JSON_REJECT_DUPLICATES, NULL);
	cursor = json_string_value(json_object_get(o, "cursor"));
	instance = json_string_value(json_object_get(o, "instance"));
	if (json_integer_value(json_object_get(o, "watch")) != 1 ||
		!is_name(cursor, sizeof(c->cursor)) || !is_name(instance, sizeof(c->instance)))
		return -1;
	c->restarted = c->cursor[0] != '\0' && strcmp(c->instance, instance) != 0;
	c->more = json_is_true(json_object_get(o, "more"));
	text_copy(span_of(cursor), c->cursor, sizeof(c->cursor));
	text_copy(span_of(instance), c->instance, sizeof(c->instance));
	c->rest = (struct span){ lines.s, n };
	return 0;
}

int watch_client_fetch(struct watch_client *c, struct err *e)
{
	char target[160];
	const struct http_request q = { .target = target, .wait_ms = WAIT_MS };

	watch_client_free(c);
	(void)snprintf(target, sizeof(target), ENDPOINT_WATCH "%s%s", c->cursor[0] ? "?after=" : "",
		c->cursor);
	if (http_client_post(c->socket, &q, &c->reply, e) != 0)
		return -1;
	c->has_reply = true;
	if (c->reply.status == 404)
		return FAIL(e, EPROTO,
			"%s: the program that answers there has no decisions to watch; is it an older dspd?",
			c->socket);
	if (c->reply.status != 200)
		return FAIL(e, EPROTO, "%s: the program there answers with status %d", c->socket,
			c->reply.status);
	if (parse_reply(c) != 0)
		return FAIL(e, EAGAIN, "%s: the answer is incomplete", c->socket);
	return 0;
}

bool watch_client_next(struct watch_client *c, struct span *line)
{
	if (c->rest.n == 0)
		return false;
	*line = span_cut(&c->rest, '\n');
	return true;
}
