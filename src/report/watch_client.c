#include "watch_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dsp/core/base/text.h"
#include "dsp/protocol/protocol.h"

enum { WAIT_MS = 2000 };

void watch_client_free(struct watch_client *f)
{
	if (f->reads)
		http_reply_free(&f->reply);
	f->reads = false;
	f->rest = (struct span){ NULL, 0 };
}

/* What goes into the next question, and so must be nothing but a name. */
static bool is_name(const char *text, size_t room)
{
	size_t n = text ? strspn(text, "0123456789abcdef-") : 0;

	return n > 0 && text[n] == '\0' && n < room;
}

/* The last line, which says where the lines end. */
static int parse_state(struct watch_client *f, struct span line)
{
	json_auto_t *o = json_loadb(line.s, line.n, JSON_REJECT_DUPLICATES, NULL);
	const char *cursor = json_string_value(json_object_get(o, "cursor"));
	const char *instance = json_string_value(json_object_get(o, "instance"));

	if (json_integer_value(json_object_get(o, "watch")) != 1 ||
		!is_name(cursor, sizeof(f->cursor)) || !is_name(instance, sizeof(f->instance)))
		return -1;
	f->restarted = f->cursor[0] != '\0' && strcmp(f->instance, instance) != 0;
	f->more = json_is_true(json_object_get(o, "more"));
	text_copy(span_of(cursor), f->cursor, sizeof(f->cursor));
	text_copy(span_of(instance), f->instance, sizeof(f->instance));
	return 0;
}

/* A reply that was cut off ends with another line, or in one. */
static int parse_reply(struct watch_client *f)
{
	struct span lines = { f->reply.body, f->reply.len };
	size_t n;

	if (lines.n == 0 || lines.s[lines.n - 1] != '\n')
		return -1;
	n = lines.n - 1;
	while (n > 0 && lines.s[n - 1] != '\n')
		n--;
	f->rest = (struct span){ lines.s, n };
	return parse_state(f, (struct span){ lines.s + n, lines.n - 1 - n });
}

int watch_client_fetch(struct watch_client *f, struct err *e)
{
	char target[160];

	watch_client_free(f);
	(void)snprintf(target, sizeof(target), ENDPOINT_WATCH "%s%s", f->cursor[0] ? "?after=" : "",
		f->cursor);
	if (http_client_post(f->socket, target, WAIT_MS, &f->reply, e) != 0)
		return -1;
	f->reads = true;
	if (f->reply.status == 404)
		return FAIL(e, EPROTO,
			"%s: what serves there cannot be watched: is it an older dsp?", f->socket);
	if (f->reply.status != 200)
		return FAIL(e, EPROTO, "%s: what serves there answers with status %d", f->socket,
			f->reply.status);
	if (parse_reply(f) != 0) {
		f->rest = (struct span){ NULL, 0 };
		return FAIL(e, EAGAIN, "%s: no whole answer", f->socket);
	}
	return 0;
}

bool watch_client_next(struct watch_client *f, struct span *line)
{
	if (f->rest.n == 0)
		return false;
	*line = span_cut(&f->rest, '\n');
	return true;
}
