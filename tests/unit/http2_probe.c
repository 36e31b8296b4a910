/* Whether a server speaks HTTP/2, by what it answers; and what that says of BuildKit. */
#include "unit.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dockerd/http2_probe.h"
#include "dsp/core/base/text.h"
#include "dsp/dockerd/dockerd_http2.h"

/* What probe finds at a server that answers so, and then closes. */
static int found(int (*probe)(int fd), const void *answer, size_t n)
{
	char *copy = exactly(answer, n);
	int pair[2];
	int rc;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(write(pair[1], copy, n), n);
	assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
	rc = probe(pair[0]);
	(void)close(pair[0]);
	(void)close(pair[1]);
	free(copy);
	return rc;
}

static void preface(void **state)
{
	static const char h2[] = "\0\0\x06\4\0\0\0\0\0\0\3\0\0\0\x64";
	static const char h1[] = "HTTP/1.1 400 Bad Request\r\n\r\n";

	(void)state;
	assert_int_equal(found(http2_probe_plain, h2, sizeof(h2) - 1), 1);
	assert_int_equal(found(http2_probe_plain, h2, 9), 1);
	assert_int_equal(found(http2_probe_plain, h2, 8), 0);
	assert_int_equal(found(http2_probe_plain, h1, sizeof(h1) - 1), 0);
	assert_int_equal(found(http2_probe_plain, "", 0), 0);
	/* GOAWAY is no answer of a server that accepts the preface. */
	assert_int_equal(found(http2_probe_plain, "\0\0\x08\7\0\0\0\0\0", 9), 0);
}

#define RANDOM "\x85\x68\x47\xdf\xee\x06\x47\xc0\xe3\xfc\x75\xe2\0\xf0\xcb\xee"

/* Of OpenSSL 3.0: a server with the protocols h2 and http/1.1, and one without. */
static const char chosen[] = "\x16\3\3\0\x62\2\0\0\x5e\3\3" RANDOM RANDOM "\x20" RANDOM RANDOM
			     "\xc0\x30\0\0\x16\xff\1\0\1\0\0\x0b\0\4\3\0\1\2\0\x10\0\5\0\3\2h2"
			     "\x16\3\3\7\x0b";
static const char not_chosen[] = "\x16\3\3\0\x59\2\0\0\x55\3\3" RANDOM RANDOM "\x20" RANDOM RANDOM
				 "\xc0\x30\0\0\x0d\xff\1\0\1\0\0\x0b\0\4\3\0\1\2\x16\3\3\7\x0b";
/* A ServerHello without extensions. */
static const char bare[] = "\x16\3\3\0\x2a\2\0\0\x26\3\3" RANDOM RANDOM "\0\xc0\x30\0";

static void tls(void **state)
{
	char record[sizeof(chosen)];

	(void)state;
	assert_int_equal(found(http2_probe_tls, chosen, sizeof(chosen) - 1), 1);
	assert_int_equal(found(http2_probe_tls, not_chosen, sizeof(not_chosen) - 1), 0);
	assert_int_equal(found(http2_probe_tls, bare, sizeof(bare) - 1), 0);
	/* dockerd 29.7.2 with TLS: no_application_protocol. */
	assert_int_equal(found(http2_probe_tls, "\x15\3\3\0\2\2\x78", 7), 0);
	/* A server without TLS 1.2; one without TLS; one that closes. */
	assert_int_equal(found(http2_probe_tls, "\x15\3\3\0\2\2\x46", 7), -1);
	assert_int_equal(found(http2_probe_tls, "HTTP/1.1 400 Bad Request\r\n\r\n", 28), -2);
	assert_int_equal(found(http2_probe_tls, "", 0), -1);
	/* Cut off: unknown. */
	for (size_t n = 0; n < 103; n++)
		assert_int_equal(found(http2_probe_tls, chosen, n), -1);
	/* Lengths that lead nowhere: no step beyond the answer. */
	for (size_t i = 3; i < 103; i++) {
		memcpy(record, chosen, sizeof(chosen));
		record[i] = (char)0xff;
		assert_in_range(found(http2_probe_tls, record, sizeof(chosen) - 1) + 2, 0, 3);
	}
}

/* From 29.2 on dockerd asks no plugin over HTTP/2: what is not known to be off counts as on. */
static void judged(void **state)
{
	static const struct {
		const char *version;
		struct dockerd_http2 h;
		enum buildkit wanted;
	} rows[] = {
		{ "20.10.24", { .served = 0 }, BUILDKIT_ASKED },
		{ "29.1.5", { .tried = 1, .served = 1 }, BUILDKIT_ASKED },
		{ "29.2.0", { .tried = 1, .served = 1 }, BUILDKIT_UNASKED },
		{ "29.2.0", { .tried = 2, .served = 1 }, BUILDKIT_UNASKED },
		{ "29.2.0", { .tried = 1 }, BUILDKIT_ASKED },
		{ "29.2.0", { .tried = 1, .silent = 1 }, BUILDKIT_UNASKED },
		{ "29.2.0", { .silent = 1, .off = true }, BUILDKIT_ASKED },
		{ "29.2.0", { .tried = 1, .served = 1, .off = true }, BUILDKIT_UNASKED },
		{ "29.2.0", { .tried = 0 }, BUILDKIT_UNASKED },
		{ "30.0.0", { .tried = 0 }, BUILDKIT_UNASKED },
		{ "", { .tried = 0 }, BUILDKIT_UNKNOWN },
		{ "", { .tried = 1, .silent = 1 }, BUILDKIT_UNKNOWN },
		{ "", { .tried = 1, .served = 1 }, BUILDKIT_UNASKED },
		{ "", { .tried = 1 }, BUILDKIT_ASKED },
		{ "library-import", { .off = true }, BUILDKIT_ASKED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dockerd d = { .pid = 1 };

		text_copy(span_of(rows[i].version), d.version, sizeof(d.version));
		assert_int_equal(dockerd_http2_judge(&d, &rows[i].h), rows[i].wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(preface),
		cmocka_unit_test(tls),
		cmocka_unit_test(judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
