#include "dsp/dockerd/dockerd_http2.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dsp/core/base/span.h"
#include "dsp/core/base/text.h"
#include "dsp/host/listening_sockets.h"
#include "dsp/system/clock.h"
#include "dsp/system/file.h"
#include "dsp/system/unix_socket.h"

#define USUAL_SOCKET "/run/docker.sock"

enum { PREFACE_MS = 2000, FRAME_HEAD = 9, FRAME_SETTINGS = 4, PATHS_MOST = 16 };

/* --- one listener ------------------------------------------------------------------------------*/

/* Waits until fd is ready for events. False: not before `until`. */
static bool wait_ready(int fd, short events, uint64_t until)
{
	struct pollfd p = { .fd = fd, .events = events };
	uint64_t now = clock_now();

	return now < until && poll(&p, 1, (int)(until - now)) == 1;
}

/* 1: the peer answers in HTTP/2; 0: in another way, or by closing; -1: not in time. */
static int send_preface(int fd)
{
	/* The preface, and an empty frame SETTINGS. */
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
	uint64_t until = clock_now() + PREFACE_MS;
	unsigned char head[FRAME_HEAD] = { 0 };
	size_t n = 0;

	if (!wait_ready(fd, POLLOUT, until) ||
		send(fd, preface, sizeof(preface), MSG_NOSIGNAL) != (ssize_t)sizeof(preface))
		return -1;
	while (n < sizeof(head)) {
		ssize_t got;

		if (!wait_ready(fd, POLLIN, until))
			return -1;
		got = recv(fd, head + n, sizeof(head) - n, 0);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (got <= 0)
			return 0;
		n += (size_t)got;
	}
	return head[3] == FRAME_SETTINGS && head[0] == 0;
}

static void try_listener(struct dockerd_http2 *h, int fd, const char *name)
{
	int rc;

	if (fd < 0)
		return;
	rc = send_preface(fd);
	(void)close(fd);
	h->tried += rc >= 0;
	if (rc == 1 && h->served++ == 0)
		text_copy(span_of(name), h->served_at, sizeof(h->served_at));
}

/* Connects to "host:port"; an empty host or the wildcard is this machine. -1: it cannot. */
static int connect_tcp(const char *address)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	const char *colon = strrchr(address, ':');
	char host[64];
	struct span name;
	int fd = -1;

	if (!colon)
		return -1;
	name = (struct span){ address, (size_t)(colon - address) };
	if (name.n >= 2 && name.s[0] == '[' && name.s[name.n - 1] == ']')
		name = (struct span){ name.s + 1, name.n - 2 };
	if (name.n == 0 || span_equal(name, SPAN("0.0.0.0")))
		name = SPAN("127.0.0.1");
	text_copy(name, host, sizeof(host));
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
		return -1;
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) != 0 &&
		errno != EINPROGRESS) {
		(void)close(fd);
		fd = -1;
	}
	freeaddrinfo(found);
	return fd;
}

/* --- all listeners -----------------------------------------------------------------------------*/

struct listeners {
	struct dockerd_http2 *result;
	char paths[PATHS_MOST][128]; /* that were tried; a socket may be named twice */
	size_t count;
};

static void try_unix(struct listeners *l, const char *path)
{
	for (size_t i = 0; i < l->count; i++) {
		if (strcmp(l->paths[i], path) == 0)
			return;
	}
	if (l->count < PATHS_MOST)
		text_copy(span_of(path), l->paths[l->count++], sizeof(l->paths[0]));
	try_listener(l->result, unix_socket_connect(path), path);
}

static void try_tcp(void *ctx, const char *address)
{
	struct listeners *l = ctx;

	try_listener(l->result, connect_tcp(address), address);
}

/* A value of --host, or of the list "hosts". */
static void try_host(struct listeners *l, const char *host, bool tls)
{
	struct span text = span_of(host);

	if (span_starts(text, SPAN("unix://")))
		try_unix(l, host + strlen("unix://"));
	else if (span_starts(text, SPAN("tcp://")) && !tls)
		try_tcp(l, host + strlen("tcp://"));
}

/* Whether dockerd's TCP listeners speak TLS. */
static bool has_tls(const struct dockerd *d, const json_t *file)
{
	static const char *const keys[] = { "tls", "tlsverify" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		size_t at = 0;
		const char *value = dockerd_options_next(d, keys[i], &at);

		if ((value && strcmp(value, "false") != 0 && strcmp(value, "0") != 0) ||
			json_object_get(file, keys[i]))
			return true;
	}
	return dockerd_variable(d, "DOCKER_TLS_VERIFY", NULL, 0);
}

void dockerd_http2_inspect(const struct dockerd *d, const json_t *file, struct dockerd_http2 *ret)
{
	const json_t *hosts = json_object_get(file, "hosts");
	struct listeners l = { .result = ret };
	bool tls = has_tls(d, file);
	char value[512] = "";
	const char *host;
	size_t at = 0;

	*ret = (struct dockerd_http2){ .known = dockerd_variable(d, NULL, NULL, 0) };
	ret->off = dockerd_variable(d, HTTP2_VARIABLE, value, sizeof(value)) &&
		text_in_list(SPAN(HTTP2_OFF), value);
	if (d->socket)
		try_unix(&l, d->socket);
	if (listening_sockets_has(d->pid, USUAL_SOCKET) == 1)
		try_unix(&l, USUAL_SOCKET);
	while ((host = dockerd_options_next(d, "host", &at)) != NULL)
		try_host(&l, host, tls);
	for (size_t i = 0; i < json_array_size(hosts); i++) {
		host = json_string_value(json_array_get(hosts, i));
		if (host)
			try_host(&l, host, tls);
	}
	if (!tls)
		listening_sockets_tcp(d->pid, 1, try_tcp, &l);
}
