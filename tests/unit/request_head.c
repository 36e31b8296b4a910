/* Heads of requests as dsp-gate reads and writes them, and bodies in pieces of every size. */
#include "unit.h"

#include <stdio.h>

#include "gate/answer_head.h"
#include "gate/request_body.h"

static const struct gate_client peer = { .who = { .pid = 7, .uid = 1001, .gid = 100 } };

static int parse(const char *text, struct request_head *head, struct err *e)
{
	struct span bytes = span_of(text);
	size_t n = request_head_length(bytes);

	assert_int_not_equal(n, 0);
	return request_head_parse((struct span){ text, n }, head, e);
}

/* The table of tests/wire/smuggling.tsv has the refused ones. */
static void writes_what_it_read(void **state)
{
	static const struct {
		const char *in;
		const char *out;
	} rows[] = {
		{ "GET /a?b=%0a HTTP/1.1\r\nHost:d\r\n\r\n",
			"GET /a?b=%0a HTTP/1.1\r\nHost: d\r\nConnection: close\r\n" },
		{ "POST / HTTP/1.1\r\ncontent-length: 12\r\nX-A:  b c \t\r\nhost: \r\nConnection: keep-alive\r\n\r\n",
			"POST / HTTP/1.1\r\nX-A: b c\r\nhost: \r\nContent-Length: 12\r\nConnection: close\r\n" },
		{ "PUT /x HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: Chunked\r\n\r\n",
			"PUT /x HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n" },
		{ "POST /s HTTP/1.1\r\nHost: d\r\nUpgrade: H2c\r\nConnection: upgrade\r\n\r\n",
			"POST /s HTTP/1.1\r\nHost: d\r\nConnection: Upgrade, close\r\nUpgrade: H2c\r\n" },
	};
	static char out[REQUEST_HEAD_ROOM];
	char wanted[512];
	struct request_head head;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n;

		assert_int_equal(parse(rows[i].in, &head, &e), 0);
		n = request_head_write(&head, SPAN("t0k"), &peer, out);
		(void)snprintf(wanted, sizeof(wanted),
			"%sX-Dsp-Token: t0k\r\nX-Dsp-Peer: uid=1001 gid=100 pid=7\r\n\r\n",
			rows[i].out);
		assert_int_equal(n, strlen(wanted));
		assert_memory_equal(out, wanted, n);
	}
}

/* A head is whole at its blank line, and not a byte before. */
static void waits_for_the_end(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: d\r\nX: y\r\n\r\nbody";
	struct request_head head;
	struct err e;

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		char *copy = exactly(text, n);
		size_t length = request_head_length((struct span){ copy, n });

		assert_int_equal(length, n < sizeof(text) - 5 ? 0 : sizeof(text) - 5);
		free(copy);
	}
	/* What can never become a head is not waited for. */
	assert_int_equal(parse("GET /\r\n", &head, &e), -1);
	assert_int_equal(parse("GET / HTTP/1.1\r\nA: b\nC", &head, &e), -1);
}

/* The longest head, of the most headers that lack their blank, fits when it is written. */
static void the_longest_fits(void **state)
{
	static char text[REQUEST_HEAD_MOST + 1];
	static char token[GATE_TOKEN_MOST];
	static struct gate_client client = { .who = { -1, -1U, -1U },
		.group_count = GATE_GROUPS_MOST };
	static char out[REQUEST_HEAD_ROOM];
	struct request_head head;
	struct err e;
	int n = snprintf(text, sizeof(text),
		"GET / HTTP/1.1\r\nHost:\r\nContent-Length:1\r\nUpgrade:tcp\r\n");
	size_t written;

	(void)state;
	memset(token, 't', sizeof(token));
	memset(client.groups, 0xff, sizeof(client.groups));
	for (int i = 0; i < REQUEST_HEADERS_MOST - 1; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%d:\r\n", i);
	memset(text + n - 2, 'x', sizeof(text) - (size_t)n);
	memcpy(text + sizeof(text) - 5, "\r\n\r\n", 5);
	assert_int_equal(parse(text, &head, &e), 0);
	assert_int_equal(head.header_count, REQUEST_HEADERS_MOST);
	written = request_head_write(&head, (struct span){ token, sizeof(token) }, &client, out);
	assert_true(written <= sizeof(out));
}

static size_t read_in_pieces(const char *text, size_t piece, char *out, enum body_state *state)
{
	struct request_head head = { .framing = FRAMING_CHUNKED };
	struct request_body body;
	size_t n = 0;

	request_body_init(&body, &head);
	for (size_t at = 0; at < strlen(text);) {
		size_t size = strlen(text) - at < piece ? strlen(text) - at : piece;
		char *in = exactly(text + at, size);
		char *room = exactly(NULL, size + REQUEST_BODY_MORE);
		size_t written;
		size_t read = request_body_read(&body, (struct span){ in, size }, room, &written);

		memcpy(out + n, room, written);
		n += written;
		free(in);
		free(room);
		at += read;
		if (read < size)
			break;
	}
	*state = body.state;
	return n;
}

/* The bytes of the chunks are the same, however they come; none of what follows is read. */
static void chunks_in_pieces(void **state)
{
	static const char text[] = "3\r\nabc\r\n0000A;\r\n";
	static const char good[] = "3\r\nabc\r\n00A\r\n0123456789\r\n000\r\n\r\nGET /";
	enum body_state end;
	char out[512];

	(void)state;
	for (size_t piece = 1; piece < sizeof(good); piece++) {
		char data[64];
		size_t count = 0;
		size_t n = read_in_pieces(good, piece, out, &end);

		assert_int_equal(end, BODY_ENDED);
		out[n] = '\0';
		for (char *at = out; *at != '\0';) {
			char *line;
			size_t size = strtoul(at, &line, 16);

			assert_memory_equal(line, "\r\n", 2);
			memcpy(data + count, line + 2, size);
			count += size;
			at = line + 2 + size;
			assert_memory_equal(at, "\r\n", 2);
			at += 2;
		}
		assert_int_equal(count, 13);
		assert_memory_equal(data, "abc0123456789", 13);
		assert_true(n >= 5 && memcmp(out + n - 5, "0\r\n\r\n", 5) == 0);
		(void)read_in_pieces(text, piece, out, &end);
		assert_int_equal(end, BODY_BROKEN);
	}
}

static void a_body_of_a_length(void **state)
{
	struct request_head head = { .framing = FRAMING_LENGTH, .length = 5 };
	struct request_body body;
	char out[64];
	size_t n;

	(void)state;
	request_body_init(&body, &head);
	assert_int_equal(request_body_read(&body, SPAN("abc"), out, &n), 3);
	assert_int_equal(n, 3);
	assert_int_equal(request_body_read(&body, SPAN("defg"), out, &n), 2);
	assert_int_equal(n, 2);
	assert_int_equal(body.state, BODY_ENDED);
	assert_int_equal(request_body_read(&body, SPAN("fg"), out, &n), 0);
	assert_int_equal(n, 0);
	head.length = 0;
	request_body_init(&body, &head);
	assert_int_equal(body.state, BODY_ENDED);
}

static void answers(void **state)
{
	struct request_head plain = { .method = SPAN("GET") };
	struct request_head post = { .method = SPAN("POST") };
	struct request_head upgrade = { .method = SPAN("POST"), .upgrade = SPAN("tcp") };
	static const char old[] =
		"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\nApi-Version";

	(void)state;
	assert_int_equal(answer_head_kind(SPAN(""), &plain), ANSWER_PLAIN);
	assert_int_equal(answer_head_kind(SPAN(""), &post), ANSWER_UNKNOWN);
	assert_int_equal(answer_head_kind(SPAN("HTTP/1.1 101"), &upgrade), ANSWER_UNKNOWN);
	assert_int_equal(answer_head_kind(SPAN("HTTP/1.1 101 U"), &upgrade), ANSWER_HIJACKED);
	assert_int_equal(answer_head_kind(SPAN("HTTP/1.1 101 U"), &post), ANSWER_PLAIN);
	assert_int_equal(answer_head_kind(SPAN("HTTP/1.1 1010"), &upgrade), ANSWER_PLAIN);
	assert_int_equal(answer_head_kind(SPAN("HTTP/1.1 2"), &upgrade), ANSWER_PLAIN);
	assert_int_equal(answer_head_kind(SPAN("HTTP/1.1 200 OK\r\nApi"), &post), ANSWER_PLAIN);
	assert_int_equal(answer_head_kind(SPAN(old), &post), ANSWER_HIJACKED);
	assert_int_equal(answer_head_kind(SPAN(old), &upgrade), ANSWER_PLAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_what_it_read),
		cmocka_unit_test(waits_for_the_end),
		cmocka_unit_test(the_longest_fits),
		cmocka_unit_test(chunks_in_pieces),
		cmocka_unit_test(a_body_of_a_length),
		cmocka_unit_test(answers),
	};

	return cmocka_run_group_tests_name("request_head", tests, NULL, NULL);
}
