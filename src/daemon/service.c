#include "dsp/daemon/service.h"
#include "dsp/protocol/protocol.h"

#include <errno.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/message.h"
#include "dsp/core/record/authz_response.h"
#include "dsp/protocol/envelope.h"
#include "dsp/system/clock.h"
#include "dsp/system/log.h"
#include "metrics_text.h"
#include "status.h"

static void reply_static(struct reply *ret, unsigned status, struct span text)
{
	*ret = (struct reply){ .status = status, .text = text.s, .len = text.n };
}

/* An error is a status other than 200: in a 200 dockerd does not look at Err. */
static void reply_error(struct reply *ret, unsigned status, const char *text)
{
	char *owned = envelope_error(text);

	reply_static(ret, status, SPAN("{\"Err\":\"dsp ran out of memory\"}"));
	if (owned)
		*ret = (struct reply){ status, owned, strlen(owned), owned };
}

static void reply_denial(struct reply *ret, const char *message)
{
	char *owned = envelope_denial(message);

	reply_static(
		ret, 200, SPAN("{\"Allow\":false,\"Msg\":\"refused; dsp ran out of memory\"}"));
	if (owned)
		*ret = (struct reply){ 200, owned, strlen(owned), owned };
}

/* Once from each dockerd, when it first has something to ask. */
static enum answer answer_activate(void *ctx, struct call *call)
{
	const struct service *service = ctx;

	if (service->audit)
		audit_dockerd_restarted(service->audit);
	if (service->recent)
		recent_decisions_dockerd_restarted(service->recent);
	reply_static(&call->reply, 200, SPAN("{\"Implements\":[\"authz\"]}"));
	return ANSWER_NOW;
}

/* Whether somebody wants to know what became of requests. */
static bool wants_outcomes(const struct service *service)
{
	return (service->recent && recent_decisions_active(service->recent)) ||
		(service->audit && audit_wants_outcomes(service->audit));
}

static void put_outcome_on_record(const struct service *service, struct request_outcome *o)
{
	if (service->audit)
		audit_outcome(service->audit, o);
	if (service->recent && o)
		recent_decisions_add_outcome(service->recent, o);
}

/* AuthZRes may be of any size; of its bytes the trail wants a few. */
static void take_response(void *ctx, struct call *call, const char *bytes, size_t n)
{
	const struct service *service = ctx;

	if (!call->state && wants_outcomes(service)) {
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

/* AuthZRes comes after the action: it can protect nothing, so it is never in the way. */
static enum answer answer_response(void *ctx, struct call *call)
{
	const struct service *service = ctx;
	struct request_outcome outcome;

	if (call->state)
		put_outcome_on_record(
			service, authz_response_end(call->state, &outcome) ? &outcome : NULL);
	drop_response(ctx, call);
	reply_static(&call->reply, 200, SPAN("{\"Allow\":true}"));
	return ANSWER_NOW;
}

static unsigned status_of(const struct err *e)
{
	return e->code == EMSGSIZE ? 413 : 500;
}

/* --- exchanges ---------------------------------------------------------------------------------*/

static void let_go(struct snapshot *s)
{
	if (--s->holders == 0 && s->release)
		s->release(s);
}

void service_swap(struct service *service, struct snapshot *next)
{
	struct snapshot *old = service->snapshot;

	next->holders = 1;
	next->generation = old ? old->generation + 1 : 1;
	service->snapshot = next;
	if (old)
		let_go(old);
}

void service_end(struct service *service)
{
	let_go(service->snapshot);
	service->snapshot = NULL;
}

static struct exchange *exchange_begin(struct service *service, struct call *call)
{
	struct exchange *x = mem_alloc(sizeof(*x));

	if (x) {
		x->call = call;
		x->begun_us = clock_us();
		x->lookup = NULL;
		x->snapshot = service->snapshot;
		x->snapshot->holders++;
	}
	return x;
}

/* One without facts. */
static void exchange_drop(struct exchange *x)
{
	let_go(x->snapshot);
	mem_free(x);
}

static void exchange_end(struct exchange *x)
{
	facts_free(&x->facts);
	mount_lookup_release(x->lookup);
	exchange_drop(x);
}

/* One line of what was not simply allowed, unless the trail tells the same persons. */
static void tell(
	const struct service *service, const struct exchange *x, const char *what, const char *text)
{
	char who[96];

	const char *operation = x->facts.route ? x->facts.route->name : "request";

	if (service->audit && audit_shares_log(service->audit))
		return;
	subject_write(&x->subject, who, sizeof(who));
	if (x->snapshot->policy->file_rules)
		log_line("%s %s for %s: %s", what, operation, who, text);
	else
		log_line("%s %s: %s", what, operation, text);
}

static void tell_noted(
	const struct service *service, const struct exchange *x, const struct rule *rule)
{
	char name[96];

	text_escape(rule->name, name, sizeof(name));
	tell(service, x, "monitored", name);
}

/* Tells trail and metrics of a decision; NULL, or why it is a denial: the trail cannot be kept. */
static const char *put_on_record(const struct service *service, const struct exchange *x,
	const struct decision *d, const char *message)
{
	struct audit_record r = { .request = &x->request,
		.subject = &x->subject,
		.facts = &x->facts,
		.decision = d,
		.message = message[0] != '\0' ? message : NULL,
		.policy = x->snapshot->policy,
		.generation = x->snapshot->generation,
		.digest = x->snapshot->digest,
		.request_bytes = x->call->len };

	uint64_t took = clock_us() - x->begun_us;
	bool kept = !service->audit || audit_decision(service->audit, &r, took);

	if (service->metrics)
		metrics_decision(service->metrics, &r, took);
	if (service->recent)
		recent_decisions_add(service->recent, &r, took);
	return kept ? NULL : r.message;
}

/* The same of what no decision was come to: it could not be read, or memory ran out. */
static void put_failure_on_record(const struct service *service, const struct call *call,
	enum metrics_doubt why, const char *text)
{
	const char *by = why == DOUBT_FAILURE ? "failure" : "question";
	struct audit_record r = { .refused = by,
		.message = text,
		.policy = service->snapshot->policy,
		.generation = service->snapshot->generation,
		.digest = service->snapshot->digest,
		.request_bytes = call->len };

	if (service->audit)
		(void)audit_decision(service->audit, &r, 0);
	if (service->metrics)
		metrics_failure(service->metrics, by, why);
	if (service->recent)
		recent_decisions_add(service->recent, &r, 0);
}

static void fail(const struct service *service, struct call *call, enum metrics_doubt why,
	const struct err *e)
{
	log_fault("error: %s", e->text);
	put_failure_on_record(service, call, why, e->text);
	reply_error(&call->reply, status_of(e), e->text);
}

static void conclude(const struct service *service, struct exchange *x)
{
	const struct policy *policy = x->snapshot->policy;
	char message[MESSAGE_MOST] = "";
	const char *off_the_record;
	struct decision d;
	struct err e;

	if (facts_add_mount_powers(&x->facts, span_of(policy->socket_dir), &e) != 0) {
		fail(service, x->call, DOUBT_FAILURE, &e);
		return;
	}
	d = decide(policy, &x->subject, &x->facts);
	if (d.monitored_rule)
		tell_noted(service, x, d.monitored_rule);
	if (d.verdict != VERDICT_ALLOW || d.monitored) {
		message_write(policy, &x->subject, &x->facts, &d, message);
		tell(service, x, d.monitored ? "would deny" : "denied", message);
	}
	off_the_record = put_on_record(service, x, &d, message);
	if (off_the_record)
		tell(service, x, "denied", off_the_record);
	if (d.verdict != VERDICT_ALLOW || off_the_record)
		reply_denial(&x->call->reply, off_the_record ? off_the_record : message);
	else
		reply_static(&x->call->reply, 200, SPAN("{\"Allow\":true}"));
}

/* --- mount sources -----------------------------------------------------------------------------*/

static void doubt_source(struct facts *facts, struct span source)
{
	char text[64];

	text_escape(source, text, sizeof(text));
	err_set(&facts->doubt, 0, "its mount source \"%s\" could not be looked up in %d s", text,
		POOL_DEADLINE_MS / 1000);
	facts->doubt.code = ETIMEDOUT;
	facts->reading = READING_UNREADABLE;
	facts->advice = "try again, or mount something that answers";
}

/* Whether the answer comes later. Else the facts are complete, or say why not. -1 and e. */
static int look_up(const struct service *service, struct exchange *x, struct err *e)
{
	struct span meets;

	if (x->snapshot->policy->mounts_invisible)
		facts_hide_mounts(&x->facts);
	if (x->snapshot->policy->mounts_invisible || !service->pool)
		return 0;
	if (mount_lookup_collect(&x->facts, service->socket_dir, x->call->peer, &x->lookup, e) != 0)
		return -1;
	if (!x->lookup || x->facts.reading != READING_EXACT)
		return 0;
	if (lookup_pool_submit(service->pool, x->lookup, x, &meets) == 0)
		return 1;
	doubt_source(&x->facts, meets.n > 0 ? meets : mount_lookup_first(x->lookup));
	return 0;
}

struct call *service_finished(void *ctx)
{
	struct service *service = ctx;
	struct lookup_result result;
	struct exchange *x;
	struct call *call;
	struct span missing;

	if (!lookup_pool_next(service->pool, &result))
		return NULL;
	x = result.tag;
	call = x->call;
	if (!result.in_time)
		doubt_source(&x->facts, result.source);
	else if (!mount_lookup_attach(x->lookup, &x->facts, &missing))
		doubt_source(&x->facts, missing);
	conclude(service, x);
	exchange_end(x);
	return call;
}

int service_wait(void *ctx)
{
	const struct service *service = ctx;

	return lookup_pool_timeout(service->pool);
}

static void drop_request(void *ctx, struct call *call)
{
	struct service *service = ctx;

	lookup_pool_cancel(service->pool, call->state);
	exchange_end(call->state);
}

/* --- probes ------------------------------------------------------------------------------------*/

/*
 * GET /_ping?dsp=NONCE through dockerd: /Dsp.Status then shows the nonce, which is the only proof
 * that this dockerd asks this dsp. Whether a policy lets the ping through does not matter.
 */
static void note_probe(struct service *service, const struct facts *facts)
{
	static const char prefix[] = "dsp=";
	enum { PREFIX = sizeof(prefix) - 1 };
	struct span query = facts->target.query;
	char *place;

	if (!facts->route || facts->route->operation != OP_SYSTEM_PING)
		return;
	if (query.n != PREFIX + PROBE_LENGTH || memcmp(query.s, prefix, PREFIX) != 0)
		return;
	for (size_t i = PREFIX; i < query.n; i++) {
		if (!strchr("0123456789abcdef", query.s[i]))
			return;
	}
	place = service->probes[service->probe_count++ % PROBES];
	memcpy(place, query.s + PREFIX, PROBE_LENGTH);
	place[PROBE_LENGTH] = '\0';
}

/* --- requests ----------------------------------------------------------------------------------*/

/*
 * What dockerd sends when its first try broke off: the same question without its text. A denial and
 * no error, for it is a call that we have cut ourselves, and the person is to know what to do.
 */
static enum answer answer_repeated(const struct service *service, struct call *call)
{
	static const char message[] =
		"cannot be decided: it came without its text, as dockerd repeats a question that "
		"was cut off when dsp ended; try again";

	log_line("denied request: %s", message);
	put_failure_on_record(service, call, DOUBT_REPEATED, message);
	reply_denial(&call->reply, message);
	return ANSWER_NOW;
}

static enum answer answer_request(void *ctx, struct call *call)
{
	struct service *service = ctx;
	struct exchange *x;
	struct err e;
	int later = -1;

	if (call->len == 0)
		return answer_repeated(service, call);
	x = exchange_begin(service, call);
	if (!x) {
		err_set(&e, ENOMEM, "a request");
		fail(service, call, DOUBT_FAILURE, &e);
		return ANSWER_NOW;
	}
	if (envelope_parse(call->body, call->len, &x->request, &e) != 0) {
		fail(service, call, DOUBT_QUESTION, &e);
		exchange_drop(x);
		return ANSWER_NOW;
	}
	x->subject = subject_identify(x->snapshot->policy->file_rules, &x->request);
	if (facts_parse(&x->request, &x->facts, &e) == 0) {
		note_probe(service, &x->facts);
		later = look_up(service, x, &e);
	}
	if (later > 0) {
		call->state = x;
		return ANSWER_LATER;
	}
	if (later == 0)
		conclude(service, x);
	else
		fail(service, call, DOUBT_FAILURE, &e);
	exchange_end(x);
	return ANSWER_NOW;
}

/* --- dsp's own commands ------------------------------------------------------------------------*/

static enum answer answer_status(void *ctx, struct call *call)
{
	char *text = status_write(ctx);

	reply_static(&call->reply, 500, SPAN("{\"Err\":\"dsp ran out of memory\"}"));
	if (text)
		call->reply = (struct reply){ 200, text, strlen(text), text };
	return ANSWER_NOW;
}

static enum answer answer_reload(void *ctx, struct call *call)
{
	struct service *service = ctx;
	struct err e;

	if (service->reload && service->reload(service, &e) != 0) {
		reply_error(&call->reply, 409, e.text);
		return ANSWER_NOW;
	}
	return answer_status(ctx, call);
}

static enum answer answer_metrics(
	const struct service *service, struct call *call, enum metrics_form form)
{
	char *text = service->metrics ? metrics_write(service, form) : NULL;

	reply_static(&call->reply, 500, SPAN("{\"Err\":\"dsp has no metrics, or no memory\"}"));
	if (text)
		call->reply = (struct reply){ 200, text, strlen(text), text };
	return ANSWER_NOW;
}

static enum answer answer_open_metrics(void *ctx, struct call *call)
{
	return answer_metrics(ctx, call, METRICS_OPEN);
}

static enum answer answer_text_metrics(void *ctx, struct call *call)
{
	return answer_metrics(ctx, call, METRICS_TEXT);
}

static enum answer answer_watch(void *ctx, struct call *call)
{
	const struct service *service = ctx;
	size_t n;
	char *text;
	struct err e;

	if (!service->recent)
		reply_error(&call->reply, 500, "nobody can look on");
	else if (recent_decisions_read(service->recent, span_of(call->argument), &text, &n, &e) ==
		0)
		call->reply = (struct reply){ 200, text, n, text };
	else
		reply_error(&call->reply, e.code == EINVAL ? 400 : 500, e.text);
	return ANSWER_NOW;
}

static const struct endpoint endpoints[] = {
	{ ENDPOINT_REQUEST, ENVELOPE_MOST, answer_request, NULL, drop_request, NULL },
	{ ENDPOINT_RESPONSE, 0, answer_response, take_response, drop_response, NULL },
	{ ENDPOINT_ACTIVATE, 0, answer_activate, NULL, NULL, NULL },
	{ ENDPOINT_STATUS, 0, answer_status, NULL, NULL, NULL },
	{ ENDPOINT_RELOAD, 0, answer_reload, NULL, NULL, NULL },
	{ ENDPOINT_METRICS, 0, answer_open_metrics, NULL, NULL, NULL },
	{ ENDPOINT_METRICS_TEXT, 0, answer_text_metrics, NULL, NULL, NULL },
	{ ENDPOINT_WATCH, 0, answer_watch, NULL, NULL, "after" },
};

const struct endpoint *service_endpoints(size_t *count)
{
	*count = sizeof(endpoints) / sizeof(endpoints[0]);
	return endpoints;
}
