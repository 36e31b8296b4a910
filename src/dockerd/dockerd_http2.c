#include "dsp/dockerd/dockerd_http2.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/span.h"
#include "dsp/core/base/text.h"
#include "dsp/core/facts/versions.h"
#include "dsp/dockerd/systemd_units.h"
#include "dsp/host/listening_sockets.h"
#include "dsp/system/file.h"
#include "dsp/system/unix_socket.h"
#include "http2_probe.h"

#define USUAL_SOCKET "/run/docker.sock"

enum { PATHS_MOST = 16 };

/* --- one listener ------------------------------------------------------------------------------*/

/* rc: as http2_probe_plain has it, or another negative number. */
static void add_listener(struct dockerd_http2 *h, const char *name, int rc)
{
	h->tried += rc >= 0;
	if (rc < 0 && h->silent++ == 0)
		text_copy(span_of(name), h->silent_at, sizeof(h->silent_at));
	if (rc == 1 && h->served++ == 0)
		text_copy(span_of(name), h->served_at, sizeof(h->served_at));
}

/* Closes fd. -1: it is not connected. */
static int try_connection(int fd, int (*probe)(int fd))
{
	int rc = fd >= 0 ? probe(fd) : -1;

	if (fd >= 0)
		(void)close(fd);
	return rc;
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
	if (name.n == 0 || span_equal(name, SPAN("0.0.0.0")) || span_equal(name, SPAN("localhost")))
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
	add_listener(l->result, path, try_connection(unix_socket_connect(path), http2_probe_plain));
}

static void try_tcp(void *ctx, const char *address)
{
	struct listeners *l = ctx;
	int rc = try_connection(connect_tcp(address), http2_probe_tls);

	if (rc == -2)
		rc = try_connection(connect_tcp(address), http2_probe_plain);
	add_listener(l->result, address, rc);
}

/* A value of --host, or of the list "hosts". */
static void try_host(struct listeners *l, const char *host)
{
	struct span text = span_of(host);

	if (span_starts(text, SPAN("unix://")))
		try_unix(l, host + strlen("unix://"));
	else if (span_starts(text, SPAN("tcp://")))
		try_tcp(l, host + strlen("tcp://"));
	else if (text.n > 0 && !strstr(host, "://"))
		try_tcp(l, host); /* moby opts/hosts.go */
}

void dockerd_http2_inspect(const struct dockerd *d, const json_t *file, struct dockerd_http2 *ret)
{
	const json_t *hosts = json_object_get(file, "hosts");
	struct listeners l = { .result = ret };
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
		try_host(&l, host);
	for (size_t i = 0; i < json_array_size(hosts); i++) {
		host = json_string_value(json_array_get(hosts, i));
		if (host)
			try_host(&l, host);
	}
	listening_sockets_tcp(d->pid, 1, try_tcp, &l);
}

/* --- what it comes to --------------------------------------------------------------------------*/

enum buildkit dockerd_http2_judge(const struct dockerd *d, const struct dockerd_http2 *h)
{
	long version = dockerd_version(d);

	if (version > 0 && !version_has(VERSION_BUILDKIT_HTTP2, version))
		return BUILDKIT_ASKED;
	if (h->served > 0)
		return BUILDKIT_UNASKED;
	if (h->off || (h->tried > 0 && h->silent == 0))
		return BUILDKIT_ASKED;
	return version > 0 ? BUILDKIT_UNASKED : BUILDKIT_UNKNOWN;
}

/* What dockerd read of daemon.json; NULL: dsp cannot. */
static json_t *read_file(const char *path)
{
	enum { MOST = 1 << 20 };
	AUTO_MEM char *text = NULL;
	struct stat st;
	struct err e;
	size_t len;

	/* Reading a pipe would wait. */
	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) ||
		file_read(path, MOST, &text, &len, &e) != 0)
		return NULL;
	return json_loadb(text, len, 0, NULL);
}

/* Whether docker.service turns HTTP/2 off. */
static bool unit_turns_off(void)
{
	struct unit *units = mem_array(UNIT_COUNT, sizeof(*units));
	bool off;

	if (!units)
		return false;
	systemd_units_read(units, access("/run/systemd/system", F_OK) == 0);
	off = strstr(units[UNIT_DOCKER].environment, HTTP2_OFF) != NULL;
	mem_free(units);
	return off;
}

enum buildkit dockerd_http2_find(const char *host, char *version, size_t cap)
{
	struct dockerd_http2 h = { .tried = 0 };
	struct dockerd *d;
	enum buildkit ret;
	struct err e;

	version[0] = '\0';
	if (dockerd_find(host, &d, &e) != 0)
		return BUILDKIT_UNKNOWN;
	dockerd_read_version(d);
	text_copy(span_of(d->version), version, cap);
	if (d->pid != 0) {
		json_auto_t *file = read_file(d->config_file);

		dockerd_http2_inspect(d, file, &h);
	} else {
		h.off = unit_turns_off();
	}
	ret = dockerd_http2_judge(d, &h);
	dockerd_free(d);
	return ret;
}
