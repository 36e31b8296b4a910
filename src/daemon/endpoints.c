#include "endpoints.h"

#include <errno.h>

#include "authorize.h"
#include "dsp/core/base/mem.h"
#include "dsp/owners/owners.h"
#include "dsp/protocol/envelope.h"
#include "dsp/protocol/protocol.h"
#include "dsp/system/clock.h"
#include "grants.h"
#include "grants_reply.h"
#include "metrics_text.h"
#include "own_reply.h"
#include "own_requests.h"
#include "ownership.h"
#include "root_answers.h"
#include "service.h"
#include "settings_reply.h"
#include "status.h"

/* --- dockerd's ---------------------------------------------------------------------------------*/

/* Once from each dockerd, when it first has something to ask; and from dsp doctor. */
static enum answer activate(void *ctx, struct call *call)
{
	struct service *service = ctx;

	dockerd_facts_forget(service->dockerds, call_peer(call));
	sinks_dockerd_restarted(&service->sinks);
	ownership_dockerd_restarted(service);
	reply_static(&call->reply, 200, SPAN("{\"Implements\":[\"authz\"]}"));
	return ANSWER_NOW;
}

/* AuthZRes may be of any size; only a few of its bytes are kept. */
static struct response *begin_response(struct call *call)
{
	struct response *r = mem_alloc(sizeof(*r));

	if (!r)
		return NULL;
	r->call = call;
	r->waits = r->is_own = false;
	r->more = (struct authz_more){ .wanted = false };
	return r;
}

static void parse_response(void *ctx, struct call *call, const char *bytes, size_t n)
{
	const struct service *service = ctx;
	bool owners = owners_on(service->owners);
	struct response *r = call->state;

	if (!r && (owners || sinks_want_outcomes(&service->sinks))) {
		call->state = r = begin_response(call);
		if (r) {
			/* Those of dsp-resolve are known by their token. */
			r->more.makers = owners;
			r->more.target_end = service->resolver ? SPAN(RESOLVE_QUERY) : SPAN("");
			authz_response_begin(&r->parsed, &r->more);
		}
	}
	if (r)
		authz_response_parse(&r->parsed, (struct span){ bytes, n });
}

static void drop_response(void *ctx, struct call *call)
{
	struct response *r = call->state;

	(void)ctx;
	call->state = NULL;
	if (!r)
		return;
	ownership_forget(r);
	authz_more_free(&r->more);
	mem_free(r);
}

/*
 * AuthZRes comes after the action. It can protect nothing, so it is always allowed; that of a
 * create waits until its owner is on the disk.
 */
static enum answer record_response(void *ctx, struct call *call)
{
	struct service *service = ctx;
	struct response *r = call->state;
	struct request_outcome outcome;
	bool read = r && authz_response_end(&r->parsed, &outcome);
	bool own = read && own_requests_has_outcome(service, &outcome, &r->more);
	bool waits = read && !own && ownership_record(service, &outcome, r);

	if (r && !own)
		sinks_record_outcome(&service->sinks, read ? &outcome : NULL);
	if (waits)
		return ANSWER_LATER;
	drop_response(ctx, call);
	reply_allow(&call->reply);
	return ANSWER_NOW;
}

/* --- dsp's own ---------------------------------------------------------------------------------*/

static struct state_view view_of(const struct service *service)
{
	return (struct state_view){ .snapshot = service->snapshot,
		.objects = service->objects ? object_asks_counts(service->objects) : NULL,
		.sinks = &service->sinks,
		.probes = &service->probes,
		.dockerds = service->dockerds,
		.grants = service->grants,
		.held = &service->held,
		.owners = service->owners,
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
		settings_reply_write(service->snapshot, dockerd_facts_last(service->dockerds),
			grants_count(service->grants)));
	return ANSWER_NOW;
}

/* Answered when the settings that are read from now on are in force, or cannot be. */
static enum answer reload(void *ctx, struct call *call)
{
	const struct service *service = ctx;
	struct err e;

	if (!service->reload)
		return show_status(ctx, call);
	if (reload_ask(service->reload, call, &e) == 0)
		return ANSWER_LATER;
	reply_error(&call->reply, 409, e.text);
	return ANSWER_NOW;
}

static void drop_reload(void *ctx, struct call *call)
{
	const struct service *service = ctx;

	reload_drop(service->reload, call);
}

/* A call that asked for a reload, answered; NULL: none. */
static struct call *answer_reload(struct service *service)
{
	const char *trouble;
	struct call *call;

	if (!service->reload)
		return NULL;
	do
		call = reload_next_call(service->reload, &trouble);
	while (!call && service->put_in_force(service->daemon));
	if (call && trouble)
		reply_error(&call->reply, 409, trouble);
	else if (call)
		(void)show_status(service, call);
	return call;
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

static void reply_own(const struct service *service, struct reply *reply, uint64_t ticket)
{
	reply_text(reply, own_reply_changed(service, ticket));
}

/* A change is answered when it is on the disk, or cannot be written. */
static enum answer own(void *ctx, struct call *call)
{
	struct service *service = ctx;
	struct response *r = begin_response(call);
	uint64_t ticket = 0;
	char *text = NULL;
	struct err e;

	if (span_equal(span_of(call->argument), SPAN("sweep")))
		owner_sweep_begin(service);
	if (!r || own_reply(service, span_of(call->argument), &text, &ticket, &e) != 0) {
		reply_error(&call->reply,
			!r || e.code == ENOMEM     ? 500
				: e.code == EINVAL ? 400
						   : 409,
			r ? e.text : "out of memory");
	} else if (text) {
		reply_text(&call->reply, text);
	} else if (ownership_wait(service, r, ticket)) {
		r->is_own = true;
		call->state = r;
		return ANSWER_LATER;
	} else {
		reply_own(service, &call->reply, ticket);
	}
	mem_free(r);
	return ANSWER_NOW;
}

/* What came of a request that root sent: a text, or an error. */
static void reply_result(struct reply *reply, char *text, const struct err *e)
{
	if (text)
		reply_text(reply, text);
	else
		reply_error(reply,
			e->code == ENOMEM          ? 500
				: e->code == EBUSY ? 409
				: e->code == EPERM ? 403
						   : 400,
			e->text);
}

/* A grant may cover requests that wait for root. */
static enum answer grants(void *ctx, struct call *call)
{
	struct service *service = ctx;
	struct err e;

	reply_result(&call->reply, grants_reply(service, call->body, call->len, &e), &e);
	if (call->len > 0)
		held_requests_judge_all(&service->held);
	return ANSWER_NOW;
}

static const struct endpoint endpoints[] = {
	{ ENDPOINT_REQUEST, ENVELOPE_MOST, authorize, NULL, authorize_drop, NULL,
		authorize_waits_for_root },
	{ ENDPOINT_RESPONSE, 0, record_response, parse_response, drop_response, NULL, NULL },
	{ ENDPOINT_ACTIVATE, 0, activate, NULL, NULL, NULL, NULL },
	{ ENDPOINT_STATUS, 0, show_status, NULL, NULL, NULL, NULL },
	{ ENDPOINT_SETTINGS, 0, show_settings, NULL, NULL, NULL, NULL },
	{ ENDPOINT_RELOAD, 0, reload, NULL, drop_reload, NULL, NULL },
	{ ENDPOINT_METRICS, 0, show_open_metrics, NULL, NULL, NULL, NULL },
	{ ENDPOINT_METRICS_TEXT, 0, show_text_metrics, NULL, NULL, NULL, NULL },
	{ ENDPOINT_OWN, 0, own, NULL, drop_response, "do", NULL },
	{ ENDPOINT_GRANTS, GRANTS_BODY_MOST, grants, NULL, NULL, NULL, NULL },
	{ ENDPOINT_PENDING, 0, root_answers, NULL, root_answers_drop, "do", NULL },
	{ ENDPOINT_WATCH, 0, watch, NULL, NULL, "after", NULL },
};

/* --- answers that come later -------------------------------------------------------------------*/

struct call *endpoints_next_answer(void *ctx)
{
	struct service *service = ctx;
	struct call *call = answer_reload(service);
	struct response *r;

	if (!call)
		call = root_answers_next(service);
	if (call)
		return call;
	/* A managed plugin records no owners. */
	r = service->pool ? ownership_next(service) : NULL;
	if (!r)
		return authorize_next_answer(ctx);
	call = r->call;
	if (r->is_own)
		reply_own(service, &call->reply, r->ticket);
	else
		reply_allow(&call->reply);
	drop_response(ctx, call);
	return call;
}

int endpoints_answer_timeout(void *ctx)
{
	int wait = authorize_answer_timeout(ctx);
	int more = ownership_timeout(ctx);

	return more >= 0 ? clock_earlier(wait, 0, (uint64_t)more) : wait;
}

const struct endpoint *endpoints_all(size_t *count)
{
	*count = sizeof(endpoints) / sizeof(endpoints[0]);
	return endpoints;
}
