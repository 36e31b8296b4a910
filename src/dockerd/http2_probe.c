#include "http2_probe.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "dsp/system/clock.h"

enum { PROBE_MS = 2000 };

/* Waits until fd is ready for events. False: not before `until`. */
static bool wait_ready(int fd, short events, uint64_t until)
{
	struct pollfd p = { .fd = fd, .events = events };
	uint64_t now = clock_now();

	return now < until && poll(&p, 1, (int)(until - now)) == 1;
}

static bool send_all(int fd, const void *data, size_t n, uint64_t until)
{
	return wait_ready(fd, POLLOUT, until) && send(fd, data, n, MSG_NOSIGNAL) == (ssize_t)n;
}

/* Reads n bytes. 1: they are there; 0: the peer closes before; -1: not in time. */
static int receive(int fd, unsigned char *data, size_t n, uint64_t until)
{
	size_t have = 0;

	while (have < n) {
		ssize_t got;

		if (!wait_ready(fd, POLLIN, until))
			return -1;
		got = recv(fd, data + have, n - have, 0);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (got <= 0)
			return 0;
		have += (size_t)got;
	}
	return 1;
}

int http2_probe_plain(int fd)
{
	enum { FRAME_HEAD = 9, FRAME_SETTINGS = 4 };
	/* The preface, and an empty frame SETTINGS. */
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
	uint64_t until = clock_now() + PROBE_MS;
	unsigned char head[FRAME_HEAD] = { 0 };
	int rc;

	if (!send_all(fd, preface, sizeof(preface), until))
		return -1;
	rc = receive(fd, head, sizeof(head), until);
	return rc == 1 ? head[3] == FRAME_SETTINGS && head[0] == 0 : rc;
}

/* --- TLS 1.2 (RFC 5246) ------------------------------------------------------------------------*/

/* A record with a ClientHello; its random bytes need not be random, since nothing follows. */
static const char hello[] =
	"\x16\3\1\0\x6f"                                           /* a record: handshake */
	"\1\0\0\x6b\3\3"                                           /* ClientHello, TLS 1.2 */
	"dsp asks whether HTTP/2 is here."                         /* random */
	"\0"                                                       /* no session */
	"\0\x0c\xc0\x2b\xc0\x2f\xc0\x2c\xc0\x30\xcc\xa9\xcc\xa8"   /* ECDHE: AES-GCM, ChaCha20 */
	"\1\0"                                                     /* no compression */
	"\0\x36"                                                   /* extensions */
	"\0\x0a\0\x08\0\x06\0\x1d\0\x17\0\x18"                     /* curves */
	"\0\x0b\0\2\1\0"                                           /* points */
	"\0\x0d\0\x12\0\x10\4\3\x08\4\4\1\5\3\x08\5\5\1\x08\6\6\1" /* signatures */
	"\0\x10\0\5\0\3\2h2"                                       /* protocols: h2 alone */
	"\xff\1\0\1"; /* no renegotiation; the last zero is the string's */

/* Whether the extensions of a ServerHello choose the protocol h2. */
static bool chooses_h2(const unsigned char *p, size_t n)
{
	static const unsigned char choice[] = { 0, 16, 0, 5, 0, 3, 2, 'h', '2' };

	while (n >= 4) {
		size_t whole = 4 + ((size_t)p[2] << 8 | p[3]);

		if (whole > n)
			return false;
		if (whole == sizeof(choice) && memcmp(p, choice, whole) == 0)
			return true;
		p += whole;
		n -= whole;
	}
	return false;
}

/* A ServerHello: head, version, random, session, cipher suite, compression, extensions. */
static int parse_server_hello(const unsigned char *p, size_t n)
{
	enum { FIXED = 4 + 2 + 32, SERVER_HELLO = 2 };
	size_t at = FIXED;
	size_t end;

	if (n <= at || p[0] != SERVER_HELLO)
		return -1;
	end = 4 + ((size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3]);
	at += (size_t)1 + p[at] + 2 + 1 + 2;
	if (end > n || at > end)
		return end <= n && at == end + 2 ? 0 : -1;
	return chooses_h2(p + at, end - at);
}

int http2_probe_tls(int fd)
{
	enum { RECORD_HEAD = 5, ALERT = 21, HANDSHAKE = 22, NO_PROTOCOL = 120, MOST = 1024 };
	uint64_t until = clock_now() + PROBE_MS;
	unsigned char record[RECORD_HEAD + MOST];
	unsigned char *body = record + RECORD_HEAD;
	size_t n;

	if (!send_all(fd, hello, sizeof(hello), until) ||
		receive(fd, record, RECORD_HEAD, until) != 1)
		return -1;
	if ((record[0] != ALERT && record[0] != HANDSHAKE) || record[1] != 3)
		return -2;
	n = (size_t)record[3] << 8 | record[4];
	n = n < MOST ? n : MOST; /* the ServerHello is the first in it, and short */
	if (receive(fd, body, n, until) != 1)
		return -1;
	if (record[0] == ALERT && n == 2 && body[1] == NO_PROTOCOL)
		return 0;
	return record[0] == HANDSHAKE ? parse_server_hello(body, n) : -1;
}
