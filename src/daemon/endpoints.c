#include "endpoints.h"

#include <errno.h>

#include "authorize.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/record/authz_response.h"
#include "dsp/protocol/envelope.h"
#include "dsp/protocol/protocol.h"
#include "metrics_text.h"
#include "service.h"
#include "settings_reply.h"
#include "status.h"

/* --- dockerd's ---------------------------------------------------------------------------------*/

/* Once from each dockerd, when it first has something to ask; and from dsp doctor. */
static enum answer activate(void *ctx, struct call *call)
{
	struct service *service = ctx;

	service->own_requests = 0;
	dockerd_facts_forget(service->dockerds, call->peer);
	sinks_dockerd_restarted(&service->sinks);
	reply_static(&call->reply, 200, SPAN("{\"Implements\":[\"authz\"]}"));
	return ANSWER_NOW;
}

/* AuthZRes may be of any size; only a few of its bytes are kept. */
static void parse_response(void *ctx, struct call *call, const char *bytes, size_t n)
{
	const struct service *service = ctx;

	if (!call->state && sinks_want_outcomes(&service->sinks)) {
		call->state = mem_alloc(sizeof(struct authz_response));
		if (call->state)
			authz_response_begin(call->state);
	}
	if (call->state)
		authz_response_parse(call->state, (struct span){ bytes, n });
}

static void drop_response(void *ctx, struct call *call)
{
	(void)ctx;
	mem_free(call->state);
	call->state = NULL;
}

/* AuthZRes comes after the action. It can protect nothing, so it is always allowed. */
static enum answer record_response(void *ctx, struct call *call)
{
	struct service *service = ctx;
	struct request_outcome outcome;
	bool read = call->state && authz_response_end(call->state, &outcome);

	if (call->state && !(read && authorize_own_outcome(service, &outcome)))
		sinks_record_outcome(&service->sinks, read ? &outcome : NULL);
	drop_response(ctx, call);
	reply_allow(&call->reply);
	return ANSWER_NOW;
}

/* --- dsp's own ---------------------------------------------------------------------------------*/

static struct state_view view_of(const struct service *service)
{
	return (struct state_view){ .snapshot = service->snapshot,
		.sinks = &service->sinks,
		.probes = &service->probes,
		.dockerds = service->dockerds,
		.connections = service->connections };
}

static void reply_text(struct reply *reply, char *text)
{
	reply_owned(reply, text, text ? strlen(text) : 0);
}

static enum answer show_status(void *ctx, struct call *call)
{
	const struct service *service = ctx;
	const struct lookup_process_state lookups = lookup_process_state();
	struct state_view view = view_of(service);

	if (service->pool)
		view.lookups = &lookups;
	reply_text(&call->reply, status_write(&view));
	return ANSWER_NOW;
}

static enum answer show_settings(void *ctx, struct call *call)
{
	const struct service *service = ctx;

	reply_text(&call->reply,
		settings_reply_write(service->snapshot, dockerd_facts_last(service->dockerds)));
	return ANSWER_NOW;
}

static enum answer reload(void *ctx, struct call *call)
{
	const struct service *service = ctx;
	struct err e;

	if (service->reload && service->reload(service->daemon, &e) != 0) {
		reply_error(&call->reply, 409, e.text);
		return ANSWER_NOW;
	}
	return show_status(ctx, call);
}

static enum answer show_open_metrics(void *ctx, struct call *call)
{
	const struct state_view view = view_of(ctx);

	reply_text(&call->reply, metrics_write(&view, METRICS_OPEN));
	return ANSWER_NOW;
}

static enum answer show_text_metrics(void *ctx, struct call *call)
{
	const struct state_view view = view_of(ctx);

	reply_text(&call->reply, metrics_write(&view, METRICS_TEXT));
	return ANSWER_NOW;
}

static enum answer watch(void *ctx, struct call *call)
{
	const struct service *service = ctx;
	char *text;
	struct err e;
	size_t n;

	if (recent_decisions_read(service->sinks.recent, span_of(call->argument), &text, &n, &e) ==
		0)
		reply_owned(&call->reply, text, n);
	else
		reply_error(&call->reply, e.code == EINVAL ? 400 : 500, e.text);
	return ANSWER_NOW;
}

static const struct endpoint endpoints[] = {
	{ ENDPOINT_REQUEST, ENVELOPE_MOST, authorize, NULL, authorize_drop, NULL },
	{ ENDPOINT_RESPONSE, 0, record_response, parse_response, drop_response, NULL },
	{ ENDPOINT_ACTIVATE, 0, activate, NULL, NULL, NULL },
	{ ENDPOINT_STATUS, 0, show_status, NULL, NULL, NULL },
	{ ENDPOINT_SETTINGS, 0, show_settings, NULL, NULL, NULL },
	{ ENDPOINT_RELOAD, 0, reload, NULL, NULL, NULL },
	{ ENDPOINT_METRICS, 0, show_open_metrics, NULL, NULL, NULL },
	{ ENDPOINT_METRICS_TEXT, 0, show_text_metrics, NULL, NULL, NULL },
	{ ENDPOINT_WATCH, 0, watch, NULL, NULL, "after" },
};

const struct endpoint *endpoints_all(size_t *count)
{
	*count = sizeof(endpoints) / sizeof(endpoints[0]);
	return endpoints;
}
