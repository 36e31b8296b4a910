#include "dsp/protocol/http_client.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "dsp/core/base/mem.h"
#include "dsp/system/clock.h"
#include "dsp/system/file.h"
#include "dsp/system/unix_socket.h"

/*
 * The largest reply to a POST is dspd's: its settings, with all files of full size in base64. The
 * memory of dsp-resolve.service has room for answers of dockerd of the other size.
 */
enum { POST_REPLY_MOST = 16 << 20, GET_REPLY_MOST = 8 << 20 };

static int connect_to(const char *path, struct err *e)
{
	int fd = unix_socket_connect(path);

	if (fd < 0 && errno == ENAMETOOLONG)
		return FAIL(e, 0, "%.80s...: too long for a socket's path", path);
	return fd >= 0 ? fd : FAIL(e, errno, "cannot connect to %s", path);
}

/* Waits until fd can be read. False and errno: not in time. */
static bool is_ready(int fd, uint64_t until)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int rc;

	do {
		rc = poll(&p, 1, clock_earlier(-1, clock_now(), until));
	} while (rc < 0 && errno == EINTR);
	if (rc == 0)
		errno = ETIMEDOUT;
	return rc > 0;
}

/* Reads until the server closes the connection. -1 and errno. */
static int read_reply(int fd, uint64_t until, size_t most, struct file_text *t)
{
	int rc = 1;

	while (rc > 0) {
		if (!is_ready(fd, until))
			return -1;
		rc = file_read_some(fd, most, t);
		if (rc < 0 && errno == EAGAIN)
			rc = 1;
		else if (rc < 0 && errno == EFBIG)
			errno = EMSGSIZE;
	}
	return rc;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Finds status and body in a whole response. */
static int parse_reply(struct http_reply *r, size_t n)
{
	static const char start[] = "HTTP/1.";
	const char *line = r->text;
	const char *body = n > 0 ? memmem(line, n, "\r\n\r\n", 4) : NULL;

	if (!body || n < 12 || memcmp(line, start, sizeof(start) - 1) != 0 || line[8] != ' ')
		return -1;
	if (!is_digit(line[9]) || !is_digit(line[10]) || !is_digit(line[11]) || line[9] == '0')
		return -1;
	r->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
	r->body = body + 4;
	r->len = n - (size_t)(r->body - line);
	return 0;
}

static int exchange(const char *path, const char *method, const struct http_request *q,
	struct http_reply *ret, struct err *e)
{
	uint64_t until = clock_now() + q->wait_ms;
	size_t most = strcmp(method, "POST") == 0 ? POST_REPLY_MOST : GET_REPLY_MOST;
	struct file_text reply = { .text = NULL };
	struct http_reply r;
	char request[768];
	int n = snprintf(request, sizeof(request),
		"%s %s HTTP/1.0\r\nHost: dsp\r\n%s%s%sContent-Length: %zu\r\n\r\n", method,
		q->target, q->token ? "X-Dsp-Token: " : "", q->token ? q->token : "",
		q->token ? "\r\n" : "", q->body.n);
	AUTO_FD int fd = -1;
	int rc = -1;

	if (n < 0 || (size_t)n >= sizeof(request))
		return FAIL(e, EMSGSIZE, "%s: the request is too long", path);
	fd = connect_to(path, e);
	if (fd < 0)
		return -1;
	/* A new socket has room for so few bytes. */
	if (send(fd, request, (size_t)n, MSG_NOSIGNAL) == n &&
		(q->body.n == 0 ||
			send(fd, q->body.s, q->body.n, MSG_NOSIGNAL) == (ssize_t)q->body.n))
		rc = read_reply(fd, until, most, &reply);
	r.text = reply.text;
	if (rc != 0)
		err_set(e, errno, "%s: no answer", path);
	else if (parse_reply(&r, reply.n) != 0)
		rc = FAIL(e, 0, "%s: the program that listens there does not speak HTTP", path);
	if (rc != 0)
		mem_free(reply.text);
	else
		*ret = r;
	return rc;
}

int http_client_get(const char *path, const char *target, unsigned wait_ms, struct http_reply *ret,
	struct err *e)
{
	return http_client_get_as(
		path, &(struct http_request){ .target = target, .wait_ms = wait_ms }, ret, e);
}

int http_client_get_as(
	const char *path, const struct http_request *q, struct http_reply *ret, struct err *e)
{
	return exchange(path, "GET", q, ret, e);
}

int http_client_post(
	const char *path, const struct http_request *q, struct http_reply *ret, struct err *e)
{
	return exchange(path, "POST", q, ret, e);
}

void http_reply_free(struct http_reply *r)
{
	mem_free(r->text);
	*r = (struct http_reply){ 0, NULL, NULL, 0 };
}
