/*
 * A request as a client of dsp-gate sends it: what goes on to dockerd is one request with the
 * gate's token, however a reader reads it. Input: a byte (the size of the pieces), and the bytes.
 */
#include <stdlib.h>
#include <strings.h>

#include "fuzz.h"
#include "gate/request_body.h"

#define TOKEN "t0kent0kent0kent0ken"

/* Whether text names a header of this name, in any case, with - or _. */
static bool names(struct span text, const char *name)
{
	for (size_t i = 0; i < text.n; i++) {
		if (name[i] == '\0' ||
			(strncasecmp(text.s + i, name + i, 1) != 0 &&
				!(name[i] == '-' && text.s[i] == '_')))
			return false;
	}
	return name[text.n] == '\0';
}

/* What a plain reader finds in the head that was written. */
struct seen {
	unsigned tokens;
	unsigned connections;
	unsigned framings;
	size_t length; /* of the body; SIZE_MAX: chunks */
};

static void check_first_line(struct span line)
{
	const char *blank;

	CHECK(span_ends(line, SPAN(" HTTP/1.1\r")));
	line.n -= SPAN(" HTTP/1.1\r").n;
	blank = memchr(line.s, ' ', line.n);
	CHECK(blank && blank == memrchr(line.s, ' ', line.n) && blank[1] == '/');
}

static bool is_refused(struct span name)
{
	return names(name, "expect") || names(name, "trailer") || names(name, "http2-settings");
}

/* One line, without CR LF. */
static void check_header(struct span line, struct seen *seen)
{
	struct span name = { line.s, span_find(line, ':') };

	for (size_t i = 0; i < line.n; i++)
		CHECK((line.s[i] >= ' ' && line.s[i] <= '~') || line.s[i] == '\t');
	CHECK(name.n > 0 && name.n < line.n);
	CHECK(!memchr(name.s, ' ', name.n) && !is_refused(name));
	if (names(name, "x-dsp-token"))
		CHECK(++seen->tokens == 1 && span_equal(line, SPAN("X-Dsp-Token: " TOKEN)));
	else if (names(name, "x-dsp-peer"))
		CHECK(span_equal(line, SPAN("X-Dsp-Peer: uid=1 gid=2 pid=3 groups=5,6")));
	else if (names(name, "connection"))
		CHECK(++seen->connections == 1 && span_ends(line, SPAN("close")));
	else if (names(name, "content-length") || names(name, "transfer-encoding")) {
		CHECK(++seen->framings == 1);
		seen->length = names(name, "content-length")
			? strtoul(line.s + name.n + 2, NULL, 10)
			: SIZE_MAX;
	}
}

/* The length of the body that follows; SIZE_MAX: chunks. */
static size_t check_head(struct span head)
{
	struct seen seen = { .tokens = 0 };
	struct span rest = head;
	struct span line = fuzz_line(rest, &rest);

	check_first_line(line);
	do {
		CHECK(rest.n > 0);
		line = fuzz_line(rest, &rest);
		CHECK(span_ends(line, SPAN("\r")));
		line.n--;
		if (line.n > 0)
			check_header(line, &seen);
	} while (line.n > 0);
	CHECK(rest.n == 0 && seen.tokens == 1 && seen.connections == 1);
	return seen.length;
}

/* Chunks as the gate writes them; whether they have ended, with nothing behind. */
static bool check_chunks(struct span rest)
{
	while (rest.n > 0) {
		char *end;
		size_t size = strtoul(rest.s, &end, 16);
		size_t digits = (size_t)(end - rest.s);

		CHECK(digits > 0 && digits < 8 && rest.n >= digits + 4 + size);
		CHECK(end[0] == '\r' && end[1] == '\n');
		CHECK(memcmp(end + 2 + size, "\r\n", 2) == 0);
		rest = span_after(rest, digits + 4 + size);
		if (size == 0) {
			CHECK(rest.n == 0);
			return true;
		}
	}
	return false;
}

static void check_body(const struct request_head *head, struct span in, size_t piece, size_t length)
{
	char *out = fuzz_room(in.n * 8 + REQUEST_BODY_MORE + 1);
	struct request_body body;
	size_t n = 0;

	request_body_init(&body, head);
	while (in.n > 0) {
		struct span part = { in.s, in.n < piece ? in.n : piece };
		char *copy = fuzz_copy(part);
		char *room = fuzz_room(part.n + REQUEST_BODY_MORE);
		size_t written;
		size_t read = request_body_read(
			&body, (struct span){ copy, part.n }, room, &written);

		CHECK(read <= part.n && written <= part.n + REQUEST_BODY_MORE);
		CHECK(read == part.n || body.state == BODY_ENDED || body.state == BODY_BROKEN);
		memcpy(out + n, room, written);
		n += written;
		free(copy);
		free(room);
		in = span_after(in, read);
		if (read < part.n)
			break;
	}
	out[n] = '\0';
	if (length == SIZE_MAX)
		CHECK(check_chunks((struct span){ out, n }) == (body.state == BODY_ENDED));
	else
		CHECK(n <= length && (n == length) == (body.state == BODY_ENDED));
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char out[REQUEST_HEAD_ROOM];
	const struct gate_client peer = {
		.who = { .pid = 3, .uid = 1, .gid = 2 }, .groups = { 5, 6 }, .group_count = 2
	};
	struct request_head head;
	struct err e;
	char *copy;
	size_t n;

	if (size < 2 || size > 1 << 16)
		return 0;
	copy = fuzz_copy((struct span){ (const char *)data + 1, size - 1 });
	n = request_head_length((struct span){ copy, size - 1 });
	CHECK(n < size);
	if (n > 0 && request_head_parse((struct span){ copy, n }, &head, &e) == 0) {
		size_t written = request_head_write(&head, SPAN(TOKEN), &peer, out);

		CHECK(written <= sizeof(out));
		check_body(&head, (struct span){ copy + n, size - 1 - n }, 1 + data[0] % 64U,
			check_head((struct span){ out, written }));
	} else if (n > 0) {
		CHECK(fuzz_printable(e.text) && !strchr(e.text, '"') && !strchr(e.text, '\\'));
	}
	free(copy);
	return 0;
}
