/*
 * server.c on a socket that was handed over, with limits of one's own: echo_server FD SECONDS
 * BUDGET MAX. It answers with the length and the Adler-32 of what it was asked; to /later after
 * some time: the body's first word is for how many milliseconds. Of those it says on stderr when it
 * takes them, and when it drops them.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/eventfd.h>
#include <sys/queue.h>

#include "daemon/server.h"
#include "dsp/core/base/mem.h"
#include "dsp/system/clock.h"

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

static enum answer echo(void *ctx, struct call *call)
{
	char text[80];
	int n = snprintf(text, sizeof(text), "{\"Length\":%zu,\"Adler\":%u}", call->len,
		adler32(call->body, call->len));

	(void)ctx;
	call->reply = (struct reply){ .status = 200, .len = (size_t)n };
	call->reply.owned = mem_copy(text, call->reply.len);
	if (!call->reply.owned)
		abort();
	call->reply.text = call->reply.owned;
	/* The body may be changed, and a sanitizer sees when it cannot be. */
	memset(call->body, 0, call->len);
	return ANSWER_NOW;
}

static enum answer yes(void *ctx, struct call *call)
{
	(void)ctx;
	call->reply = (struct reply){ .status = 200, .text = "{\"Allow\":true}", .len = 14 };
	return ANSWER_NOW;
}

/* --- answers that come later -------------------------------------------------------------------*/

struct waiting {
	LIST_ENTRY(waiting) link;
	struct call *call;
	uint64_t until;
};

LIST_HEAD(all_waiting, waiting);

static enum answer later(void *ctx, struct call *call)
{
	struct all_waiting *all = ctx;
	struct waiting *w = calloc(1, sizeof(*w));

	if (!w)
		abort();
	w->call = call;
	w->until = clock_now() + (call->len > 0 ? strtoul(call->body, NULL, 10) : 0);
	call->state = w;
	LIST_INSERT_HEAD(all, w, link);
	(void)fputs("taken\n", stderr);
	return ANSWER_LATER;
}

static void drop(void *ctx, struct call *call)
{
	struct waiting *w = call->state;

	(void)ctx;
	LIST_REMOVE(w, link);
	free(w);
	(void)fputs("dropped\n", stderr);
}

static struct call *finished(void *ctx)
{
	struct all_waiting *all = ctx;
	struct waiting *w;
	struct call *call;

	LIST_FOREACH (w, all, link) {
		if (w->until > clock_now())
			continue;
		call = w->call;
		LIST_REMOVE(w, link);
		free(w);
		(void)echo(ctx, call);
		return call;
	}
	return NULL;
}

static int wait_for(void *ctx)
{
	const struct all_waiting *all = ctx;
	const struct waiting *w;
	int wait = -1;

	LIST_FOREACH (w, all, link)
		wait = clock_earlier(wait, clock_now(), w->until);
	return wait;
}

int main(int argc, char **argv)
{
	struct all_waiting all = LIST_HEAD_INITIALIZER(all);
	struct err e;

	if (argc != 5) {
		(void)fputs("usage: echo_server FD SECONDS BUDGET MAX\n", stderr);
		return 2;
	}
	const struct endpoint endpoints[] = {
		{ "/echo", strtoul(argv[4], NULL, 10), echo, NULL, NULL, NULL, NULL },
		{ "/later", strtoul(argv[4], NULL, 10), later, NULL, drop, NULL, NULL },
		{ "/AuthZPlugin.AuthZReq", 65536, yes, NULL, NULL, NULL, NULL },
		{ "/Plugin.Activate", 0, yes, NULL, NULL, NULL, NULL },
	};
	const struct server_options options = {
		.listen_fd = (int)strtol(argv[1], NULL, 10),
		.handed_over = true,
		.endpoints = endpoints,
		.count = sizeof(endpoints) / sizeof(endpoints[0]),
		.request_seconds = (unsigned)strtoul(argv[2], NULL, 10),
		.budget = strtoul(argv[3], NULL, 10),
		.ctx = &all,
		.next_answer = finished,
		.answer_timeout = wait_for,
		.wake_fd = eventfd(0, EFD_CLOEXEC), /* silent: time alone brings answers */
	};

	if (server_run(&options, &e) != 0) {
		(void)fprintf(stderr, "echo_server: %s\n", e.text);
		return 1;
	}
	return 0;
}
