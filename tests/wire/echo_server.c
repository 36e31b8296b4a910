/*
 * server.c on a socket that was handed over, with limits of one's own: echo_server FD SECONDS
 * BUDGET MAX. It answers with the length and the Adler-32 of what it was asked.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsp/mem.h"
#include "dsp/server.h"

static uint32_t adler32(const char *s, size_t n)
{
	uint32_t a = 1;
	uint32_t b = 0;

	for (size_t i = 0; i < n; i++) {
		a = (a + (unsigned char)s[i]) % 65521;
		b = (b + a) % 65521;
	}
	return b << 16 | a;
}

static void echo(void *ctx, char *body, size_t len, struct reply *ret)
{
	char text[80];
	int n = snprintf(
		text, sizeof(text), "{\"Length\":%zu,\"Adler\":%u}", len, adler32(body, len));

	(void)ctx;
	*ret = (struct reply){ .status = 200, .len = (size_t)n };
	ret->owned = mem_copy(text, ret->len);
	if (!ret->owned)
		abort();
	ret->text = ret->owned;
	/* The body may be changed, and a sanitizer sees when it cannot be. */
	memset(body, 0, len);
}

static void yes(void *ctx, char *body, size_t len, struct reply *ret)
{
	(void)ctx;
	(void)body;
	(void)len;
	*ret = (struct reply){ .status = 200, .text = "{\"Allow\":true}", .len = 14 };
}

int main(int argc, char **argv)
{
	struct err e;

	if (argc != 5) {
		(void)fputs("usage: echo_server FD SECONDS BUDGET MAX\n", stderr);
		return 2;
	}
	const struct endpoint endpoints[] = {
		{ "/echo", strtoul(argv[4], NULL, 10), echo },
		{ "/AuthZPlugin.AuthZReq", 65536, yes },
		{ "/Plugin.Activate", 0, yes },
	};
	const struct server_options options = {
		.listen_fd = (int)strtol(argv[1], NULL, 10),
		.endpoints = endpoints,
		.count = sizeof(endpoints) / sizeof(endpoints[0]),
		.request_seconds = (unsigned)strtoul(argv[2], NULL, 10),
		.budget = strtoul(argv[3], NULL, 10),
	};

	if (server_run(&options, &e) != 0) {
		(void)fprintf(stderr, "echo_server: %s\n", e.text);
		return 1;
	}
	return 0;
}
