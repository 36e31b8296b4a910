/* What became of a request (AuthZRes): fields in any order, pieces of any size, bodies skipped. */
#include "unit.h"

#include "dsp/core/record/authz_response.h"

/* Parses the text in pieces of n bytes. */
static bool parse(const char *text, size_t n, struct authz_response *s, struct request_outcome *ret)
{
	struct span rest = span_of(text);

	authz_response_begin(s, NULL);
	while (rest.n > 0) {
		struct span piece = { rest.s, rest.n < n ? rest.n : n };

		authz_response_parse(s, piece);
		rest = span_after(rest, piece.n);
	}
	return authz_response_end(s, ret);
}

static void pieces_of_any_size(void **state)
{
	static const char text[] =
		"{\"User\":\"an\\u006ea\",\"RequestMethod\":\"POST\",\"RequestUri\":\"/a?b=\\u0026\","
		"\"RequestBody\":\"eyJ9\\\\\\\"\",\"RequestHeaders\":{\"A\":\"b{\\\"\\\\c}]\"},"
		"\"ResponseStatusCode\":201,\"ResponseBody\":\"e30=\","
		"\"ResponseHeaders\":{\"RequestUri\":\"/x\"}}\n";
	static struct authz_response s;
	struct request_outcome o;

	(void)state;
	for (size_t n = 1; n <= sizeof(text); n++) {
		assert_true(parse(text, n, &s, &o));
		assert_true(span_equal(o.method, SPAN("POST")));
		assert_true(span_equal(o.target, SPAN("/a?b=&")));
		assert_true(span_equal(o.user, SPAN("anna")));
		assert_int_equal(o.status, 201);
	}
}

static void any_order(void **state)
{
	static const char *const texts[] = {
		"{\"ResponseStatusCode\":204,\"RequestMethod\":\"GET\",\"RequestUri\":\"/a\"}",
		"{\"RequestUri\":\"/a\",\"ResponseStatusCode\" : 204 ,\"RequestMethod\":\"GET\"}",
		" { \"RequestMethod\" : \"GET\" , \"RequestUri\" : \"/a\" , \"ResponseStatusCode\":204}",
	};
	static struct authz_response s;
	struct request_outcome o;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_true(parse(texts[i], 7, &s, &o));
		assert_true(span_equal(o.target, SPAN("/a")));
		assert_int_equal(o.status, 204);
		assert_int_equal(o.user.n, 0);
	}
}

/* The status stands behind a body of any size, and what follows the status is not needed. */
static void a_long_body_is_skipped(void **state)
{
	static char piece[1 << 16];
	static struct authz_response s;
	struct request_outcome o;

	(void)state;
	memset(piece, 'x', sizeof(piece));
	authz_response_begin(&s, NULL);
	authz_response_parse(
		&s, SPAN("{\"RequestMethod\":\"POST\",\"RequestUri\":\"/a\",\"RequestBody\":\""));
	for (int i = 0; i < 100; i++)
		authz_response_parse(&s, (struct span){ piece, sizeof(piece) });
	authz_response_parse(&s, SPAN("\",\"ResponseStatusCode\":409,\"ResponseBody\":\"half"));
	assert_true(authz_response_end(&s, &o));
	assert_int_equal(o.status, 409);
}

#define ID64                                                                                       \
	"eyJJZCI6ImFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWEi"
#define CREATE(target, status, body)                                                               \
	"{\"RequestMethod\":\"POST\",\"RequestUri\":\"" target "\",\"ResponseStatusCode\":" status \
	",\"ResponseBody\":\"" body "\",\"ResponseHeaders\":{}}"

/* The answer to a create has the container's id: {"Id":"aaaa...","Warnings":[]}, in base64. */
static void id_of_a_new_container(void **state)
{
	static const struct {
		const char *text;
		size_t n;
	} rows[] = {
		{ CREATE("/v1.41/containers/create?name=web", "201", ID64 "LCJXYXJuaW5ncyI6W119"),
			64 },
		{ CREATE("/containers/create", "201", ID64 "fQ=="), 64 },
		{ CREATE("/containers/create", "201", ID64), 64 },
		{ CREATE("/containers/create", "201", "eyJJZCI6ImFiIn0="), 0 },
		{ CREATE("/containers/create", "201", "YWFh" ID64), 0 },
		{ CREATE("/containers/create", "201", ""), 0 },
		{ CREATE("/containers/create", "400", ID64), 0 },
		{ CREATE("/networks/create", "201", ID64), 0 },
		{ CREATE("/x?/containers/create", "201", ID64), 0 },
		{ CREATE("/containers/create", "201", "\\" ID64), 0 },
		{ "{\"RequestMethod\":\"POST\",\"RequestUri\":\"/containers/create\","
		  "\"ResponseStatusCode\":201}",
			0 },
		{ "{\"RequestMethod\":\"POST\",\"RequestUri\":\"/containers/create\","
		  "\"ResponseStatusCode\":201,\"ResponseBody\":\"ey",
			0 },
	};
	static struct authz_response s;
	struct request_outcome o;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t n = 1; n < 400; n += 13) {
			assert_true(parse(rows[i].text, n, &s, &o));
			assert_int_equal(o.created.n, rows[i].n);
			if (o.created.n > 0)
				assert_memory_equal(o.created.s, "aaaaaaaaaaaaaaaa", 16);
		}
	}
}

#define MORE(target, headers, status, body)                                                        \
	"{\"RequestMethod\":\"POST\",\"RequestUri\":\"" target "\"," headers                       \
	"\"ResponseStatusCode\":" status ",\"ResponseBody\":\"" body "\",\"ResponseHeaders\":{}}"

/* Who sent it, of all but reads; and what came of it, of creates and prunes alone. */
static const struct {
	const char *text;
	const char *token; /* NULL: it cannot be found out */
	const char *body;  /* NULL: likewise */
} more_rows[] = {
	{ MORE("/v1.41/volumes/create",
		  "\"RequestHeaders\":{\"A\":\"}{\",\"X-Dsp-Token\":\"t\\u0031\"},", "201",
		  "eyJOYW1lIjoiYSJ9"),
		"t1", "{\"Name\":\"a\"}" },
	{ MORE("/networks/create", "\"RequestHeaders\":{},", "201", "e30="), "", "{}" },
	{ MORE("/networks/create",
		  "\"RequestHeaders\":{\"X-Dsp-Peer\":\"a\",\"X-Dsp-Peer\":\"b\"},", "201", "e30="),
		NULL, "{}" },
	{ MORE("/networks/create", "\"RequestHeaders\":{},\"RequestPeerCertificates\":[1],", "201",
		  "e30="),
		NULL, "{}" },
	{ MORE("/v1.41/%63ontainers%2Fcre%61te?x", "\"RequestHeaders\":{},", "201", "e30="), "",
		"{}" },
	{ MORE("/containers/create%", "\"RequestHeaders\":{},", "201", "e30="), "", NULL },
	{ MORE("/containers/create%3F/x", "\"RequestHeaders\":{},", "201", "e30="), "", NULL },
	{ MORE("/networks/create", "", "201", "e30="), "", "{}" },
	{ MORE("/volumes/prune?x=1", "\"RequestHeaders\":{\"B\":\"c\"},", "200", "e30="), "",
		"{}" },
	{ MORE("/volumes/create", "\"RequestHeaders\":{\"X-Dsp-Token\":1},", "201", "e30="), NULL,
		"{}" },
	{ MORE("/volumes/create",
		  "\"RequestHeaders\":{\"X-Dsp-Token\":\"a\",\"X-Dsp-Token\":\"b\"},", "201",
		  "e30="),
		NULL, "{}" },
	{ MORE("/volumes/create", "\"RequestHeaders\":{\"a\":[{}]},", "409", "e30="), "", NULL },
	{ MORE("/volumes/create", "\"RequestHeaders\":{},", "201", "e3"), "", NULL },
	{ MORE("/volumes/create", "\"RequestHeaders\":{},", "201", ""), "", NULL },
	{ MORE("/volumes/x", "\"RequestHeaders\":{\"X-Dsp-Token\":\"a\"},", "201", "e30="), "a",
		NULL },
	{ "{\"RequestMethod\":\"DELETE\",\"RequestUri\":\"/volumes/x\","
	  "\"RequestHeaders\":{\"X-Dsp-Token\":\"a\"},\"ResponseStatusCode\":204}",
		"a", NULL },
	{ "{\"RequestMethod\":\"GET\",\"RequestUri\":\"/volumes/x\","
	  "\"RequestHeaders\":{\"X-Dsp-Token\":\"a\"},\"ResponseStatusCode\":200}",
		"", NULL },
};

static void more_of_what_makes_things(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(more_rows) / sizeof(more_rows[0]); i++) {
		for (size_t n = 1; n < 400; n += 7) {
			static struct authz_response s;
			struct authz_more more = { .makers = true };
			struct span rest = span_of(more_rows[i].text);
			struct request_outcome o;
			struct request rq = { .method = SPAN("") };
			size_t body_n;
			char *body;

			authz_response_begin(&s, &more);
			for (; rest.n > 0; rest = span_after(rest, rest.n < n ? rest.n : n))
				authz_response_parse(
					&s, (struct span){ rest.s, rest.n < n ? rest.n : n });
			assert_true(authz_response_end(&s, &o));
			assert_int_equal(authz_more_sender(&more, &rq), more_rows[i].token != NULL);
			if (more_rows[i].token) {
				assert_int_equal(rq.has_token, more_rows[i].token[0] != '\0');
				assert_true(span_equal(rq.token, span_of(more_rows[i].token)));
			}
			assert_int_equal(
				authz_more_body(&more, &body, &body_n), more_rows[i].body != NULL);
			if (more_rows[i].body)
				assert_true(span_equal(
					(struct span){ body, body_n }, span_of(more_rows[i].body)));
			authz_more_free(&more);
		}
	}
}

static void sender(void **state)
{
	static struct authz_response s;
	struct authz_more more = { .makers = true };
	struct request_outcome o;
	struct request rq;

	(void)state;
	authz_response_begin(&s, &more);
	authz_response_parse(&s,
		SPAN(MORE("/networks/create",
			"\"RequestHeaders\":{\"X-Dsp-Peer\":\"uid=1\",\"X-Dsp-Token\":\"a\"},"
			"\"RequestPeerCertificates\":[\"eA==\",\"]\"],",
			"201", "e30=")));
	assert_true(authz_response_end(&s, &o));
	assert_true(authz_more_sender(&more, &rq));
	assert_true(rq.has_token && span_equal(rq.token, SPAN("a")));
	assert_true(rq.has_peer && span_equal(rq.peer, SPAN("uid=1")));
	assert_true(span_equal(rq.certificate, SPAN("eA==")));
	authz_more_free(&more);
}

/* Headers before the target: dsp would not know whether they matter. Too many of them: lost. */
static void more_that_cannot_be_kept(void **state)
{
	static struct authz_response s;
	static char piece[1 << 16];
	struct authz_more more = { .makers = true };
	struct request_outcome o;
	struct request rq;

	(void)state;
	authz_response_begin(&s, &more);
	authz_response_parse(&s,
		SPAN("{\"RequestMethod\":\"POST\",\"RequestHeaders\":{},"
		     "\"RequestUri\":\"/volumes/create\",\"ResponseStatusCode\":201}"));
	assert_false(authz_response_end(&s, &o));
	authz_more_free(&more);
	more = (struct authz_more){ .makers = true };
	memset(piece, 'x', sizeof(piece));
	authz_response_begin(&s, &more);
	authz_response_parse(&s,
		SPAN("{\"RequestMethod\":\"POST\",\"RequestUri\":\"/volumes/create\","
		     "\"RequestHeaders\":{\"a\":\""));
	for (int i = 0; i < 20; i++)
		authz_response_parse(&s, (struct span){ piece, sizeof(piece) });
	authz_response_parse(&s, SPAN("\"},\"ResponseStatusCode\":201}"));
	assert_true(authz_response_end(&s, &o));
	assert_false(authz_more_sender(&more, &rq));
	authz_more_free(&more);
}

/* What has no obstacle is parsed, with method, target and user as long as they may be. */
static void obstacles(void **state)
{
	static struct authz_response s;
	static const char begin[] = "{\"RequestMethod\":\"POST\",\"RequestUri\":\"/";
	static const char end[] = "\",\"ResponseStatusCode\":201}";
	static char text[8192];
	struct request rq = { .headers_n = AUTHZ_RESPONSE_MORE };
	struct request_outcome o;
	size_t n;

	(void)state;
	for (rq.texts_n = 16; !authz_response_obstacle(&rq); rq.texts_n++)
		assert_true(rq.texts_n < AUTHZ_RESPONSE_ROOM);
	assert_true(rq.texts_n > 3500);
	n = rq.texts_n - 1 - strlen("\"POST\"\"/\"");
	memset(text, 'x', sizeof(text));
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): it has a length */
	memcpy(text, begin, strlen(begin));
	memcpy(text + strlen(begin) + n, end, sizeof(end));
	assert_true(parse(text, 100, &s, &o));
	assert_int_equal(o.target.n, n + 1);
	rq = (struct request){ .headers_n = AUTHZ_RESPONSE_MORE + 1 };
	assert_non_null(strstr(authz_response_obstacle(&rq), "its headers are longer"));
}

static void no_status(void **state)
{
	static struct authz_response s;
	struct request_outcome o;

	(void)state;
	assert_true(parse("{\"RequestMethod\":\"GET\",\"RequestUri\":\"/a\"}", 5, &s, &o));
	assert_int_equal(o.status, 0);
}

static void what_cannot_be_parsed(void **state)
{
	static const char *const texts[] = {
		"",
		"x",
		"[]",
		"{}",
		"{\"RequestMethod\":\"GET\"",
		"{\"RequestMethod\":\"GET\",\"RequestUri\":\"/a\"",
		"{\"RequestMethod\":1,\"RequestUri\":\"/a\",\"ResponseStatusCode\":200}",
		"{\"RequestMethod\":\"GET\",\"RequestMethod\":\"GET\",\"RequestUri\":\"/a\"}",
		"{\"RequestM\\u0065thod\":\"GET\",\"RequestUri\":\"/a\"}",
		"{\"RequestMethod\":\"GET\" \"RequestUri\":\"/a\"}",
		"{\"RequestMethod\":\"\\q\",\"RequestUri\":\"/a\"}",
		"{\"RequestMethod\":\"GET\",\"RequestUri\":\"/a\"}}",
	};
	static char longer[AUTHZ_RESPONSE_ROOM];
	static struct authz_response s;
	struct request_outcome o;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(parse(texts[i], 3, &s, &o));
	memset(longer, 'x', sizeof(longer));
	authz_response_begin(&s, NULL);
	authz_response_parse(&s, SPAN("{\"RequestMethod\":\"GET\",\"RequestUri\":\""));
	authz_response_parse(&s, (struct span){ longer, sizeof(longer) });
	authz_response_parse(&s, SPAN("\"}"));
	assert_false(authz_response_end(&s, &o));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_of_any_size),
		cmocka_unit_test(any_order),
		cmocka_unit_test(a_long_body_is_skipped),
		cmocka_unit_test(id_of_a_new_container),
		cmocka_unit_test(more_of_what_makes_things),
		cmocka_unit_test(sender),
		cmocka_unit_test(more_that_cannot_be_kept),
		cmocka_unit_test(obstacles),
		cmocka_unit_test(no_status),
		cmocka_unit_test(what_cannot_be_parsed),
	};

	return cmocka_run_group_tests_name("authz_response", tests, NULL, NULL);
}
